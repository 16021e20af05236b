using CloudVm.Storage.Conventions;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace CloudVm.Storage.Configurations;

internal sealed class HostProfileConfiguration : IEntityTypeConfiguration<HostProfileEntity>
{
    public void Configure(EntityTypeBuilder<HostProfileEntity> builder)
    {
        builder.ToTable("host_profiles", t => t.HasCheckConstraint("ck_host_profiles_max_vcpus", "max_vcpus BETWEEN 1 AND 64"));
        builder.HasKey(p => p.Name);
        builder.Property(p => p.Cpus).HasJson();
        builder.HasEnumName(p => p.VectorLengthPolicy);
    }
}

internal sealed class ImageConfiguration : IEntityTypeConfiguration<ImageEntity>
{
    public void Configure(EntityTypeBuilder<ImageEntity> builder)
    {
        builder.ToTable("images", t =>
        {
            t.HasCheckConstraint("ck_images_owner", "built_in = (project_id IS NULL)");
            t.HasCheckConstraint("ck_images_disk", "state = 'uploading' OR (kind = 'disk') = (disk IS NOT NULL)");
            t.HasCheckConstraint("ck_images_complete", "state = 'uploading' OR octet_length(sha256) = 32");
        });
        builder.Property(i => i.Id).ValueGeneratedNever();
        builder.Property(i => i.Files).HasJson();
        builder.Property(i => i.Disk).HasJson();
        builder.HasEnumName(i => i.Kind);
        builder.HasEnumName(i => i.State);
        builder.HasIndex(i => new { i.ProjectId, i.Name }).IsUnique().HasFilter("state = 'ready'");
        builder.HasIndex(i => i.Name).IsUnique().HasFilter("built_in AND state = 'ready'");
        builder.HasOne(i => i.Project).WithMany().HasForeignKey(i => i.ProjectId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class ImagePartConfiguration : IEntityTypeConfiguration<ImagePartEntity>
{
    public void Configure(EntityTypeBuilder<ImagePartEntity> builder)
    {
        builder.ToTable("image_parts", t => t.HasCheckConstraint("ck_image_parts_data", "octet_length(data) BETWEEN 1 AND 1048576"));
        builder.HasKey(p => new { p.ImageId, p.Ordinal });
        builder.HasOne<ImageEntity>().WithMany().HasForeignKey(p => p.ImageId);
    }
}
