-- The outbox of events. Positions are given after commit, in the order in which readers may rely on them.

CREATE TABLE outbox_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    position bigint,
    project_id uuid,
    type text NOT NULL,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    resource_name text,
    vm_id uuid,
    data jsonb,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_outbox_events PRIMARY KEY (id)
);

CREATE INDEX ix_outbox_events_unpositioned ON outbox_events (id) WHERE position IS NULL;
CREATE INDEX ix_outbox_events_vm_id_position ON outbox_events (vm_id, position);
CREATE UNIQUE INDEX ux_outbox_events_position ON outbox_events (position);

CREATE TABLE event_positions (
    id smallint NOT NULL,
    last bigint NOT NULL,
    trimmed bigint NOT NULL,
    CONSTRAINT pk_event_positions PRIMARY KEY (id),
    CONSTRAINT ck_event_positions_id CHECK (id = 1)
);

INSERT INTO event_positions (id, last, trimmed) VALUES (1, 0, 0);

-- Wakes the sequencer.
CREATE FUNCTION notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cloudvm_events', '');
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_events_notify AFTER INSERT ON outbox_events
    FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox();
