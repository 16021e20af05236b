-- Whether a debugger is attached to the running guest, as its process last told.
ALTER TABLE vm_status ADD COLUMN debugger_attached boolean NOT NULL DEFAULT false;
ALTER TABLE vm_status ALTER COLUMN debugger_attached DROP DEFAULT;
