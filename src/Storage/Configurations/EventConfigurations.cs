using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CloudVm.Storage.Configurations;

internal sealed class OutboxEventConfiguration : IEntityTypeConfiguration<OutboxEventEntity>
{
    public void Configure(EntityTypeBuilder<OutboxEventEntity> builder)
    {
        builder.ToTable("outbox_events");
        builder.Property(e => e.Id).UseIdentityAlwaysColumn();
        builder.Property(e => e.Data).HasColumnType("jsonb");
        builder.HasIndex(e => e.Position).IsUnique();
        builder.HasIndex(e => e.Id, "ix_outbox_events_unpositioned").HasFilter("position IS NULL");
        builder.HasIndex(e => new { e.VmId, e.Position });
    }
}

internal sealed class EventPositionsConfiguration : IEntityTypeConfiguration<EventPositionsEntity>
{
    public void Configure(EntityTypeBuilder<EventPositionsEntity> builder)
    {
        builder.ToTable("event_positions", t => t.HasCheckConstraint("ck_event_positions_id", "id = 1"));
        builder.Property(p => p.Id).ValueGeneratedNever();
    }
}
