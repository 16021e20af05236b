using CloudVm.Storage.Entities;
using CloudVm.Testing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Storage.Tests;

/// <summary>Migrated databases for tests.</summary>
internal static class Databases
{
    public static Task<TestDatabase> CreateMigratedAsync(this PostgresFixture postgres) =>
        postgres.CreateDatabaseAsync("migrated", async connectionString =>
        {
            await using var source = NpgsqlDataSource.Create(connectionString);
            await using var context = NewContext(source);
            await context.Database.MigrateAsync();
        });

    public static CloudVmDbContext NewContext(NpgsqlDataSource source) =>
        new((DbContextOptions<CloudVmDbContext>)new DbContextOptionsBuilder<CloudVmDbContext>().UseCloudVm(source).Options);

    public static async Task<VirtualMachineEntity> AddVmAsync(this CloudVmDbContext context, string name = "vm")
    {
        var image = await context.Images.FirstOrDefaultAsync() ?? context.Images.Add(new ImageEntity
        {
            Id = Guid.CreateVersion7(),
            Name = "image",
            BuiltIn = true,
            State = ImageState.Ready,
            Sha256 = new byte[32],
            Files = [],
        }).Entity;
        var vm = new VirtualMachineEntity
        {
            Id = Guid.CreateVersion7(),
            ProjectId = ProjectEntity.DefaultId,
            Name = name,
            Labels = "{}",
            Image = image,
            Cpu = new(),
            VcpuCount = 1,
            HostProfile = "max-pow2",
            Disks = [],
            MemoryMiB = 64,
            Generation = 1,
            Status = new VmStatusEntity(),
        };
        context.VirtualMachines.Add(vm);
        await context.SaveChangesAsync();
        return vm;
    }

    public static async Task<NodeEntity> AddNodeAsync(this CloudVmDbContext context, string name)
    {
        var node = new NodeEntity { Id = Guid.CreateVersion7(), Name = name, Url = "http://node", SecretHash = new byte[32], Version = "1" };
        context.Nodes.Add(node);
        await context.SaveChangesAsync();
        return node;
    }
}
