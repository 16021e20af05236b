-- The scheduler's own schema; it creates its tables there itself. Its triggers are derived from snapshot_schedules.

CREATE SCHEMA quartz;

-- Definitions only: the time of the next run is written back by the scheduler and is no news to it.
CREATE FUNCTION notify_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cloudvm_schedules', coalesce(NEW.id, OLD.id)::text);
    RETURN NULL;
END $$;

CREATE TRIGGER snapshot_schedules_notify
    AFTER INSERT OR DELETE OR UPDATE OF cron, time_zone, enabled, missed_run_policy, keep_last, keep_daily ON snapshot_schedules
    FOR EACH ROW EXECUTE FUNCTION notify_schedule();
