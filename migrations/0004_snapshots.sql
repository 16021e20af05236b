-- Snapshot schedules and stored snapshots: sections, manifests and content-addressed chunks.

CREATE TABLE snapshot_schedules (
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    vm_id uuid NOT NULL,
    name text NOT NULL,
    cron text NOT NULL,
    time_zone text NOT NULL,
    keep_last integer NOT NULL,
    keep_daily integer,
    missed_run_policy text NOT NULL,
    enabled boolean NOT NULL,
    next_run_at timestamp with time zone,
    generation bigint NOT NULL,
    revision bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_snapshot_schedules PRIMARY KEY (id),
    CONSTRAINT ck_snapshot_schedules_keep_daily CHECK (keep_daily BETWEEN 1 AND 3650),
    CONSTRAINT ck_snapshot_schedules_keep_last CHECK (keep_last BETWEEN 1 AND 1000),
    CONSTRAINT ck_snapshot_schedules_missed_run_policy CHECK (missed_run_policy IN ('skip', 'runOnce')),
    CONSTRAINT fk_snapshot_schedules_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
    CONSTRAINT fk_snapshot_schedules_vm_id FOREIGN KEY (vm_id) REFERENCES virtual_machines (id) ON DELETE CASCADE
);

CREATE INDEX ix_snapshot_schedules_project_id ON snapshot_schedules (project_id);
CREATE UNIQUE INDEX ux_snapshot_schedules_vm_id_name ON snapshot_schedules (vm_id, name);

CREATE TABLE schedule_runs (
    id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    scheduled_at timestamp with time zone NOT NULL,
    fired_at timestamp with time zone NOT NULL,
    operation_id uuid,
    outcome text NOT NULL,
    message text,
    CONSTRAINT pk_schedule_runs PRIMARY KEY (id),
    CONSTRAINT ck_schedule_runs_outcome CHECK (outcome IN ('started', 'succeeded', 'failed', 'skipped')),
    CONSTRAINT fk_schedule_runs_operation_id FOREIGN KEY (operation_id) REFERENCES operations (id) ON DELETE SET NULL,
    CONSTRAINT fk_schedule_runs_schedule_id FOREIGN KEY (schedule_id) REFERENCES snapshot_schedules (id) ON DELETE CASCADE
);

CREATE INDEX ix_schedule_runs_operation_id ON schedule_runs (operation_id);
CREATE UNIQUE INDEX ux_schedule_runs_schedule_id_scheduled_at ON schedule_runs (schedule_id, scheduled_at);

CREATE TABLE snapshots (
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    vm_id uuid NOT NULL,
    vm_name text NOT NULL,
    name text NOT NULL,
    description text,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    size_bytes bigint NOT NULL,
    stored_bytes bigint NOT NULL,
    chunk_count integer NOT NULL,
    vector_lengths_bits jsonb NOT NULL,
    cpu jsonb NOT NULL,
    memory_mib integer NOT NULL,
    image_id uuid NOT NULL,
    command_line text,
    schedule_id uuid,
    state_hash bytea,
    format_version integer NOT NULL,
    verified_at timestamp with time zone,
    verify_result text,
    revision bigint NOT NULL,
    CONSTRAINT pk_snapshots PRIMARY KEY (id),
    CONSTRAINT ck_snapshots_state CHECK (state IN ('creating', 'ready', 'deleting', 'failed')),
    CONSTRAINT fk_snapshots_image_id FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE RESTRICT,
    CONSTRAINT fk_snapshots_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
    CONSTRAINT fk_snapshots_schedule_id FOREIGN KEY (schedule_id) REFERENCES snapshot_schedules (id) ON DELETE SET NULL,
    CONSTRAINT fk_snapshots_vm_id FOREIGN KEY (vm_id) REFERENCES virtual_machines (id) ON DELETE RESTRICT
);

CREATE INDEX ix_snapshots_image_id ON snapshots (image_id);
CREATE INDEX ix_snapshots_project_id_created_at ON snapshots (project_id, created_at);
CREATE INDEX ix_snapshots_schedule_id ON snapshots (schedule_id);
CREATE UNIQUE INDEX ux_snapshots_vm_id_name ON snapshots (vm_id, name) WHERE state <> 'failed';

CREATE TABLE snapshot_sections (
    snapshot_id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    crc bigint NOT NULL,
    data bytea NOT NULL,
    CONSTRAINT pk_snapshot_sections PRIMARY KEY (snapshot_id, name),
    CONSTRAINT fk_snapshot_sections_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES snapshots (id) ON DELETE CASCADE
);

CREATE TABLE snapshot_manifest_parts (
    snapshot_id uuid NOT NULL,
    part integer NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT pk_snapshot_manifest_parts PRIMARY KEY (snapshot_id, part),
    CONSTRAINT ck_snapshot_manifest_parts_hashes CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) <= 32768),
    CONSTRAINT fk_snapshot_manifest_parts_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES snapshots (id) ON DELETE CASCADE
);

CREATE TABLE chunks (
    hash bytea NOT NULL,
    codec smallint NOT NULL,
    data bytea NOT NULL,
    touched_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_chunks PRIMARY KEY (hash),
    CONSTRAINT ck_chunks_codec CHECK (codec BETWEEN 0 AND 2),
    CONSTRAINT ck_chunks_hash CHECK (octet_length(hash) = 32)
);

CREATE INDEX ix_chunks_touched_at ON chunks (touched_at);

CREATE TABLE upload_sessions (
    id uuid NOT NULL,
    operation_id uuid NOT NULL,
    node_id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_upload_sessions PRIMARY KEY (id),
    CONSTRAINT fk_upload_sessions_node_id FOREIGN KEY (node_id) REFERENCES nodes (id) ON DELETE CASCADE,
    CONSTRAINT fk_upload_sessions_operation_id FOREIGN KEY (operation_id) REFERENCES operations (id) ON DELETE CASCADE
);

CREATE INDEX ix_upload_sessions_node_id ON upload_sessions (node_id);
CREATE INDEX ix_upload_sessions_operation_id ON upload_sessions (operation_id);

-- Chunks are compressed by us.
ALTER TABLE chunks ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE snapshot_manifest_parts ALTER COLUMN hashes SET STORAGE EXTERNAL;
