-- Work for Workers, at most one mutation at a time for each VM.

CREATE TABLE operations (
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    queued boolean NOT NULL,
    progress integer NOT NULL,
    phase text NOT NULL,
    vm_id uuid,
    source_vm_id uuid,
    target_type text NOT NULL,
    target_id text NOT NULL,
    target_name text,
    request jsonb NOT NULL,
    result jsonb,
    problem jsonb,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    deadline timestamp with time zone NOT NULL,
    node_id uuid,
    epoch bigint,
    attempt integer NOT NULL,
    CONSTRAINT pk_operations PRIMARY KEY (id),
    CONSTRAINT ck_operations_ended_at CHECK ((ended_at IS NULL) = (state IN ('pending', 'running', 'cancelling'))),
    CONSTRAINT ck_operations_kind
        CHECK (kind IN ('vmStart', 'vmStop', 'vmPause', 'vmResume', 'vmReset', 'vmSnapshot', 'vmRestore', 'vmFork',
            'vmDelete', 'snapshotDelete', 'snapshotVerify', 'snapshotRestore')),
    CONSTRAINT ck_operations_progress CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT ck_operations_queued CHECK (NOT queued OR state IN ('pending', 'cancelled', 'failed')),
    CONSTRAINT ck_operations_state CHECK (state IN ('pending', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT fk_operations_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
    CONSTRAINT fk_operations_source_vm_id FOREIGN KEY (source_vm_id) REFERENCES virtual_machines (id) ON DELETE RESTRICT,
    CONSTRAINT fk_operations_vm_id FOREIGN KEY (vm_id) REFERENCES virtual_machines (id) ON DELETE RESTRICT
);

CREATE INDEX ix_operations_active_deadline ON operations (deadline) WHERE state IN ('pending', 'running', 'cancelling');
CREATE INDEX ix_operations_active_source ON operations (source_vm_id) WHERE state IN ('pending', 'running', 'cancelling');
CREATE INDEX ix_operations_project_id_created_at ON operations (project_id, created_at);
CREATE INDEX ix_operations_vm_id_created_at ON operations (vm_id, created_at);
CREATE UNIQUE INDEX ux_operations_active_vm ON operations (vm_id)
    WHERE state IN ('pending', 'running', 'cancelling') AND NOT queued;

-- Wakes Workers when there is work, and whoever waits for an operation when it moves.
CREATE FUNCTION notify_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (OLD.queued AND NOT NEW.queued) OR NEW.state = 'cancelling' THEN
        PERFORM pg_notify('cloudvm_work', coalesce(NEW.vm_id::text, ''));
    END IF;
    PERFORM pg_notify('cloudvm_operations', NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER operations_notify AFTER INSERT OR UPDATE ON operations
    FOR EACH ROW EXECUTE FUNCTION notify_operation();

-- A change of the definition or of the desired state is work too.
CREATE FUNCTION notify_vm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cloudvm_work', NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER virtual_machines_notify
    AFTER INSERT OR UPDATE OF desired_state, generation, deleted_at ON virtual_machines
    FOR EACH ROW EXECUTE FUNCTION notify_vm();
