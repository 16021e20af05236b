using CloudVm.Storage.Conventions;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Storage;

/// <summary>The database: configurations, status, operations, snapshots and the outbox of events.</summary>
public sealed class CloudVmDbContext(DbContextOptions<CloudVmDbContext> options) : IdentityUserContext<UserEntity, Guid>(options)
{
    public DbSet<ProjectEntity> Projects => Set<ProjectEntity>();

    public DbSet<ProjectMemberEntity> ProjectMembers => Set<ProjectMemberEntity>();

    public DbSet<ApiTokenEntity> ApiTokens => Set<ApiTokenEntity>();

    public DbSet<TicketEntity> Tickets => Set<TicketEntity>();

    public DbSet<DataProtectionKeyEntity> DataProtectionKeys => Set<DataProtectionKeyEntity>();

    public DbSet<IdempotencyKeyEntity> IdempotencyKeys => Set<IdempotencyKeyEntity>();

    public DbSet<HostProfileEntity> HostProfiles => Set<HostProfileEntity>();

    public DbSet<ImageEntity> Images => Set<ImageEntity>();

    public DbSet<ImagePartEntity> ImageParts => Set<ImagePartEntity>();

    public DbSet<NodeEntity> Nodes => Set<NodeEntity>();

    public DbSet<VirtualMachineEntity> VirtualMachines => Set<VirtualMachineEntity>();

    public DbSet<VmStatusEntity> VmStatuses => Set<VmStatusEntity>();

    public DbSet<VmLeaseEntity> VmLeases => Set<VmLeaseEntity>();

    public DbSet<OperationEntity> Operations => Set<OperationEntity>();

    public DbSet<SnapshotEntity> Snapshots => Set<SnapshotEntity>();

    public DbSet<SnapshotSectionEntity> SnapshotSections => Set<SnapshotSectionEntity>();

    public DbSet<SnapshotManifestPartEntity> SnapshotManifestParts => Set<SnapshotManifestPartEntity>();

    public DbSet<SnapshotDiskPartEntity> SnapshotDiskParts => Set<SnapshotDiskPartEntity>();

    public DbSet<ChunkEntity> Chunks => Set<ChunkEntity>();

    public DbSet<UploadSessionEntity> UploadSessions => Set<UploadSessionEntity>();

    public DbSet<SnapshotScheduleEntity> SnapshotSchedules => Set<SnapshotScheduleEntity>();

    public DbSet<ScheduleRunEntity> ScheduleRuns => Set<ScheduleRunEntity>();

    public DbSet<OutboxEventEntity> OutboxEvents => Set<OutboxEventEntity>();

    public DbSet<EventPositionsEntity> EventPositions => Set<EventPositionsEntity>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.ApplyConfigurationsFromAssembly(typeof(CloudVmDbContext).Assembly);
        SnakeCaseNames.Apply(builder);
        DatabaseFunctions.Map(builder);
    }
}
