-- What a VM's network card is connected to.

-- What was defined before has no network; new rows say what they have.
ALTER TABLE virtual_machines ADD COLUMN network text NOT NULL DEFAULT 'none';
ALTER TABLE virtual_machines ALTER COLUMN network DROP DEFAULT;
ALTER TABLE virtual_machines ADD CONSTRAINT ck_virtual_machines_network CHECK (network IN ('none', 'passt'));
