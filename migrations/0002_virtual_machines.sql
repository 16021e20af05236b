-- What VMs are made of, what is wanted of them and what was observed of them.

CREATE TABLE nodes (
    id uuid NOT NULL,
    name text NOT NULL,
    url text NOT NULL,
    secret_hash bytea NOT NULL,
    cordoned boolean NOT NULL,
    cpu_count integer NOT NULL,
    memory_mib integer NOT NULL,
    load double precision NOT NULL,
    running_vms integer NOT NULL,
    warm_pool integer NOT NULL,
    version text NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    last_heartbeat_at timestamp with time zone,
    revision bigint NOT NULL,
    CONSTRAINT pk_nodes PRIMARY KEY (id)
);

CREATE UNIQUE INDEX ux_nodes_name ON nodes (name);

CREATE TABLE host_profiles (
    name text NOT NULL,
    description text,
    built_in boolean NOT NULL,
    cpus jsonb NOT NULL,
    vector_length_policy text NOT NULL,
    max_vcpus integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_host_profiles PRIMARY KEY (name),
    CONSTRAINT ck_host_profiles_max_vcpus CHECK (max_vcpus BETWEEN 1 AND 64),
    CONSTRAINT ck_host_profiles_vector_length_policy CHECK (vector_length_policy IN ('upstream', 'strictPrefix'))
);

CREATE TABLE images (
    id uuid NOT NULL,
    project_id uuid,
    name text NOT NULL,
    kind text NOT NULL,
    built_in boolean NOT NULL,
    state text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    files jsonb NOT NULL,
    description text,
    command_line text,
    minimum_memory_mib integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_images PRIMARY KEY (id),
    CONSTRAINT ck_images_complete CHECK (state = 'uploading' OR octet_length(sha256) = 32),
    CONSTRAINT ck_images_kind CHECK (kind IN ('elf', 'flat', 'image', 'linuxBundle')),
    CONSTRAINT ck_images_owner CHECK (built_in = (project_id IS NULL)),
    CONSTRAINT ck_images_state CHECK (state IN ('uploading', 'ready', 'deleted')),
    CONSTRAINT fk_images_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT
);

CREATE UNIQUE INDEX ux_images_name ON images (name) WHERE built_in AND state = 'ready';
CREATE UNIQUE INDEX ux_images_project_id_name ON images (project_id, name) WHERE state = 'ready';

CREATE TABLE image_parts (
    image_id uuid NOT NULL,
    ordinal integer NOT NULL,
    data bytea NOT NULL,
    CONSTRAINT pk_image_parts PRIMARY KEY (image_id, ordinal),
    CONSTRAINT ck_image_parts_data CHECK (octet_length(data) BETWEEN 1 AND 1048576),
    CONSTRAINT fk_image_parts_image_id FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE CASCADE
);

CREATE TABLE virtual_machines (
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    labels jsonb NOT NULL,
    image_id uuid NOT NULL,
    cpu jsonb NOT NULL,
    vcpu_count integer NOT NULL,
    host_profile text NOT NULL,
    memory_mib integer NOT NULL,
    command_line text,
    restart_policy text NOT NULL,
    desired_state text NOT NULL,
    generation bigint NOT NULL,
    revision bigint NOT NULL,
    node_id uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT pk_virtual_machines PRIMARY KEY (id),
    CONSTRAINT ck_virtual_machines_desired_state CHECK (desired_state IN ('stopped', 'running', 'paused')),
    CONSTRAINT ck_virtual_machines_memory_mib CHECK (memory_mib BETWEEN 4 AND 261120),
    CONSTRAINT ck_virtual_machines_name CHECK (char_length(name) BETWEEN 1 AND 63),
    CONSTRAINT ck_virtual_machines_restart_policy CHECK (restart_policy IN ('never', 'onFailure')),
    CONSTRAINT ck_virtual_machines_vcpu_count CHECK (vcpu_count BETWEEN 1 AND 64),
    CONSTRAINT fk_virtual_machines_host_profile FOREIGN KEY (host_profile) REFERENCES host_profiles (name) ON DELETE RESTRICT,
    CONSTRAINT fk_virtual_machines_image_id FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE RESTRICT,
    CONSTRAINT fk_virtual_machines_node_id FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE RESTRICT,
    CONSTRAINT fk_virtual_machines_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT
);

CREATE INDEX ix_virtual_machines_host_profile ON virtual_machines (host_profile);
CREATE INDEX ix_virtual_machines_image_id ON virtual_machines (image_id);
CREATE INDEX ix_virtual_machines_labels ON virtual_machines USING gin (labels);
CREATE INDEX ix_virtual_machines_node_id ON virtual_machines (node_id);
CREATE UNIQUE INDEX ux_virtual_machines_project_id_name ON virtual_machines (project_id, name) WHERE deleted_at IS NULL;

CREATE TABLE vm_status (
    vm_id uuid NOT NULL,
    phase text NOT NULL,
    reason text,
    message text,
    node_id uuid,
    process_id integer,
    process_start_time bigint,
    boot_id text,
    socket_path text,
    started_from jsonb,
    started_at timestamp with time zone,
    last_exit jsonb,
    retired_instructions bigint,
    observed_generation bigint NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    epoch bigint NOT NULL,
    revision bigint NOT NULL,
    restart_count integer NOT NULL,
    CONSTRAINT pk_vm_status PRIMARY KEY (vm_id),
    CONSTRAINT ck_vm_status_phase
        CHECK (phase IN ('stopped', 'starting', 'running', 'paused', 'stopping', 'restoring', 'crashed')),
    CONSTRAINT fk_vm_status_node_id FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE RESTRICT,
    CONSTRAINT fk_vm_status_vm_id FOREIGN KEY (vm_id) REFERENCES virtual_machines (id) ON DELETE CASCADE
);

CREATE INDEX ix_vm_status_node_id ON vm_status (node_id);

CREATE TABLE vm_leases (
    vm_id uuid NOT NULL,
    node_id uuid NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_vm_leases PRIMARY KEY (vm_id),
    CONSTRAINT fk_vm_leases_node_id FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE RESTRICT,
    CONSTRAINT fk_vm_leases_vm_id FOREIGN KEY (vm_id) REFERENCES virtual_machines (id) ON DELETE CASCADE
);

CREATE INDEX ix_vm_leases_node_id ON vm_leases (node_id);

-- Image bytes are compressed already or read whole: TOAST compression would only cost time.
ALTER TABLE image_parts ALTER COLUMN data SET STORAGE EXTERNAL;
