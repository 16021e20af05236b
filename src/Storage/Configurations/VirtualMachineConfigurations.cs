using CloudVm.Contracts;
using CloudVm.Storage.Conventions;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CloudVm.Storage.Configurations;

internal sealed class NodeConfiguration : IEntityTypeConfiguration<NodeEntity>
{
    public void Configure(EntityTypeBuilder<NodeEntity> builder)
    {
        builder.ToTable("nodes");
        builder.Property(n => n.Id).ValueGeneratedNever();
        builder.HasIndex(n => n.Name).IsUnique();
    }
}

internal sealed class VirtualMachineConfiguration : IEntityTypeConfiguration<VirtualMachineEntity>
{
    public void Configure(EntityTypeBuilder<VirtualMachineEntity> builder)
    {
        builder.ToTable("virtual_machines", t =>
        {
            t.HasCheckConstraint(
                "ck_virtual_machines_vcpu_count", $"vcpu_count BETWEEN {VmLimits.MinVcpus} AND {VmLimits.MaxVcpus}");
            t.HasCheckConstraint(
                "ck_virtual_machines_memory_mib", $"memory_mib BETWEEN {VmLimits.MinMemoryMiB} AND {VmLimits.MaxMemoryMiB}");
            t.HasCheckConstraint("ck_virtual_machines_name", $"char_length(name) BETWEEN 1 AND {VmLimits.MaxNameLength}");
        });
        builder.Property(v => v.Id).ValueGeneratedNever();
        builder.Property(v => v.Labels).HasColumnType("jsonb");
        builder.Property(v => v.Cpu).HasJson();
        builder.Property(v => v.Disks).HasJson();
        builder.HasEnumName(v => v.Network);
        builder.HasEnumName(v => v.RestartPolicy);
        builder.HasEnumName(v => v.DesiredState);
        builder.HasIndex(v => new { v.ProjectId, v.Name }).IsUnique().HasFilter("deleted_at IS NULL");
        builder.HasIndex(v => v.Labels).HasMethod("gin");
        builder.HasIndex(v => v.ImageId);
        builder.HasIndex(v => v.HostProfile);
        builder.HasIndex(v => v.NodeId);
        builder.HasOne(v => v.Project).WithMany().HasForeignKey(v => v.ProjectId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(v => v.Image).WithMany().HasForeignKey(v => v.ImageId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<HostProfileEntity>().WithMany().HasForeignKey(v => v.HostProfile).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(v => v.Node).WithMany().HasForeignKey(v => v.NodeId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(v => v.Status).WithOne().HasForeignKey<VmStatusEntity>(s => s.VmId);
    }
}

internal sealed class VmStatusConfiguration : IEntityTypeConfiguration<VmStatusEntity>
{
    public void Configure(EntityTypeBuilder<VmStatusEntity> builder)
    {
        builder.ToTable("vm_status");
        builder.HasKey(s => s.VmId);
        builder.HasEnumName(s => s.Phase);
        builder.Property(s => s.StartedFrom).HasColumnType("jsonb");
        builder.Property(s => s.LastExit).HasJson();
        builder.Property(s => s.Disks).HasJson();
        builder.HasIndex(s => s.NodeId);
        builder.HasOne(s => s.Node).WithMany().HasForeignKey(s => s.NodeId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class VmLeaseConfiguration : IEntityTypeConfiguration<VmLeaseEntity>
{
    public void Configure(EntityTypeBuilder<VmLeaseEntity> builder)
    {
        builder.ToTable("vm_leases");
        builder.HasKey(l => l.VmId);
        builder.HasIndex(l => l.NodeId);
        builder.HasOne<VirtualMachineEntity>().WithOne().HasForeignKey<VmLeaseEntity>(l => l.VmId);
        builder.HasOne<NodeEntity>().WithMany().HasForeignKey(l => l.NodeId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class OperationConfiguration : IEntityTypeConfiguration<OperationEntity>
{
    private const string Active = "state IN ('pending', 'running', 'cancelling')";

    public void Configure(EntityTypeBuilder<OperationEntity> builder)
    {
        builder.ToTable("operations", t =>
        {
            t.HasCheckConstraint("ck_operations_progress", "progress BETWEEN 0 AND 100");
            t.HasCheckConstraint("ck_operations_queued", "NOT queued OR state IN ('pending', 'cancelled', 'failed')");
            t.HasCheckConstraint("ck_operations_ended_at", $"(ended_at IS NULL) = ({Active})");
        });
        builder.Property(o => o.Id).ValueGeneratedNever();
        builder.HasEnumName(o => o.Kind);
        builder.HasEnumName(o => o.State);
        builder.Property(o => o.Request).HasColumnType("jsonb");
        builder.Property(o => o.Result).HasColumnType("jsonb");
        builder.Property(o => o.Problem).HasColumnType("jsonb");

        // One mutation at a time per VM, whatever the code believes.
        builder.HasIndex(o => o.VmId, "ux_operations_active_vm").IsUnique().HasFilter($"{Active} AND NOT queued");
        builder.HasIndex(o => o.SourceVmId, "ix_operations_active_source").HasFilter(Active);
        builder.HasIndex(o => o.Deadline, "ix_operations_active_deadline").HasFilter(Active);
        builder.HasIndex(o => new { o.VmId, o.CreatedAt });
        builder.HasIndex(o => new { o.ProjectId, o.CreatedAt });
        builder.HasOne<ProjectEntity>().WithMany().HasForeignKey(o => o.ProjectId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<VirtualMachineEntity>().WithMany().HasForeignKey(o => o.VmId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<VirtualMachineEntity>().WithMany().HasForeignKey(o => o.SourceVmId).OnDelete(DeleteBehavior.Restrict);
    }
}
