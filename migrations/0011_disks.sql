-- Disks of VMs, images for them, and their blocks in snapshots.

ALTER TABLE images DROP CONSTRAINT ck_images_kind;
ALTER TABLE images ADD CONSTRAINT ck_images_kind CHECK (kind IN ('elf', 'flat', 'image', 'linuxBundle', 'disk'));
ALTER TABLE images ADD COLUMN disk jsonb;
ALTER TABLE images ADD CONSTRAINT ck_images_disk CHECK (state = 'uploading' OR (kind = 'disk') = (disk IS NOT NULL));

-- What was defined or stored before had no disks; new rows say what they have.
ALTER TABLE virtual_machines ADD COLUMN disks jsonb NOT NULL DEFAULT '[]';
ALTER TABLE virtual_machines ALTER COLUMN disks DROP DEFAULT;
ALTER TABLE vm_status ADD COLUMN disks jsonb;
ALTER TABLE snapshots ADD COLUMN disks jsonb NOT NULL DEFAULT '[]';
ALTER TABLE snapshots ALTER COLUMN disks DROP DEFAULT;

CREATE TABLE snapshot_disk_parts (
    snapshot_id uuid NOT NULL,
    disk integer NOT NULL,
    part integer NOT NULL,
    blocks bytea NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT pk_snapshot_disk_parts PRIMARY KEY (snapshot_id, disk, part),
    CONSTRAINT ck_snapshot_disk_parts_blocks
        CHECK (octet_length(blocks) BETWEEN 4 AND 4096 AND octet_length(blocks) % 4 = 0 AND octet_length(hashes) = octet_length(blocks) * 8),
    CONSTRAINT fk_snapshot_disk_parts_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES snapshots (id) ON DELETE CASCADE
);

ALTER TABLE snapshot_disk_parts ALTER COLUMN hashes SET STORAGE EXTERNAL;
