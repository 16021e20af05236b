using CloudVm.Storage.Conventions;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CloudVm.Storage.Configurations;

internal sealed class SnapshotConfiguration : IEntityTypeConfiguration<SnapshotEntity>
{
    public void Configure(EntityTypeBuilder<SnapshotEntity> builder)
    {
        builder.ToTable("snapshots");
        builder.Property(s => s.Id).ValueGeneratedNever();
        builder.HasEnumName(s => s.State);
        builder.Property(s => s.VectorLengthsBits).HasJson();
        builder.Property(s => s.Cpu).HasJson();
        builder.Property(s => s.Disks).HasJson();
        builder.HasIndex(s => new { s.VmId, s.Name }).IsUnique().HasFilter("state <> 'failed'");
        builder.HasIndex(s => new { s.ProjectId, s.CreatedAt });
        builder.HasIndex(s => s.ScheduleId);
        builder.HasOne(s => s.Project).WithMany().HasForeignKey(s => s.ProjectId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<VirtualMachineEntity>().WithMany().HasForeignKey(s => s.VmId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<ImageEntity>().WithMany().HasForeignKey(s => s.ImageId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<SnapshotScheduleEntity>().WithMany().HasForeignKey(s => s.ScheduleId).OnDelete(DeleteBehavior.SetNull);
    }
}

internal sealed class SnapshotSectionConfiguration : IEntityTypeConfiguration<SnapshotSectionEntity>
{
    public void Configure(EntityTypeBuilder<SnapshotSectionEntity> builder)
    {
        builder.ToTable("snapshot_sections");
        builder.HasKey(s => new { s.SnapshotId, s.Name });
        builder.HasOne<SnapshotEntity>().WithMany().HasForeignKey(s => s.SnapshotId);
    }
}

internal sealed class SnapshotManifestPartConfiguration : IEntityTypeConfiguration<SnapshotManifestPartEntity>
{
    public void Configure(EntityTypeBuilder<SnapshotManifestPartEntity> builder)
    {
        builder.ToTable("snapshot_manifest_parts", t => t.HasCheckConstraint(
            "ck_snapshot_manifest_parts_hashes", "octet_length(hashes) % 32 = 0 AND octet_length(hashes) <= 32768"));
        builder.HasKey(p => new { p.SnapshotId, p.Part });
        builder.HasOne<SnapshotEntity>().WithMany().HasForeignKey(p => p.SnapshotId);
    }
}

internal sealed class SnapshotDiskPartConfiguration : IEntityTypeConfiguration<SnapshotDiskPartEntity>
{
    public void Configure(EntityTypeBuilder<SnapshotDiskPartEntity> builder)
    {
        builder.ToTable("snapshot_disk_parts", t => t.HasCheckConstraint(
            "ck_snapshot_disk_parts_blocks",
            "octet_length(blocks) BETWEEN 4 AND 4096 AND octet_length(blocks) % 4 = 0 AND octet_length(hashes) = octet_length(blocks) * 8"));
        builder.HasKey(p => new { p.SnapshotId, p.Disk, p.Part });
        builder.HasOne<SnapshotEntity>().WithMany().HasForeignKey(p => p.SnapshotId);
    }
}

internal sealed class ChunkConfiguration : IEntityTypeConfiguration<ChunkEntity>
{
    public void Configure(EntityTypeBuilder<ChunkEntity> builder)
    {
        builder.ToTable("chunks", t =>
        {
            t.HasCheckConstraint("ck_chunks_hash", "octet_length(hash) = 32");
            t.HasCheckConstraint("ck_chunks_codec", "codec BETWEEN 0 AND 2");
        });
        builder.HasKey(c => c.Hash);
        builder.HasIndex(c => c.TouchedAt);
    }
}

internal sealed class UploadSessionConfiguration : IEntityTypeConfiguration<UploadSessionEntity>
{
    public void Configure(EntityTypeBuilder<UploadSessionEntity> builder)
    {
        builder.ToTable("upload_sessions");
        builder.Property(s => s.Id).ValueGeneratedNever();
        builder.HasIndex(s => s.OperationId);
        builder.HasIndex(s => s.NodeId);
        builder.HasOne<OperationEntity>().WithMany().HasForeignKey(s => s.OperationId);
        builder.HasOne<NodeEntity>().WithMany().HasForeignKey(s => s.NodeId);
    }
}

internal sealed class SnapshotScheduleConfiguration : IEntityTypeConfiguration<SnapshotScheduleEntity>
{
    public void Configure(EntityTypeBuilder<SnapshotScheduleEntity> builder)
    {
        builder.ToTable("snapshot_schedules", t =>
        {
            t.HasCheckConstraint("ck_snapshot_schedules_keep_last", "keep_last BETWEEN 1 AND 1000");
            t.HasCheckConstraint("ck_snapshot_schedules_keep_daily", "keep_daily BETWEEN 1 AND 3650");
        });
        builder.Property(s => s.Id).ValueGeneratedNever();
        builder.HasEnumName(s => s.MissedRunPolicy);
        builder.HasIndex(s => new { s.VmId, s.Name }).IsUnique();
        builder.HasIndex(s => s.ProjectId);
        builder.HasOne<ProjectEntity>().WithMany().HasForeignKey(s => s.ProjectId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<VirtualMachineEntity>().WithMany().HasForeignKey(s => s.VmId);
        builder.HasMany(s => s.Runs).WithOne().HasForeignKey(r => r.ScheduleId);
    }
}

internal sealed class ScheduleRunConfiguration : IEntityTypeConfiguration<ScheduleRunEntity>
{
    public void Configure(EntityTypeBuilder<ScheduleRunEntity> builder)
    {
        builder.ToTable("schedule_runs");
        builder.Property(r => r.Id).ValueGeneratedNever();
        builder.HasEnumName(r => r.Outcome);

        // A firing that two schedulers see is recorded once.
        builder.HasIndex(r => new { r.ScheduleId, r.ScheduledAt }).IsUnique();
        builder.HasIndex(r => r.OperationId);
        builder.HasOne<OperationEntity>().WithMany().HasForeignKey(r => r.OperationId).OnDelete(DeleteBehavior.SetNull);
    }
}
