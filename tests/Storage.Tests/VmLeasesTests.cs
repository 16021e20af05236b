using CloudVm.Storage.Leases;
using CloudVm.Testing;
using Npgsql;

namespace CloudVm.Storage.Tests;

public sealed class VmLeasesTests(PostgresFixture postgres)
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_successor_on_the_same_node_gets_a_higher_epoch_and_fences_its_predecessor()
    {
        await using var database = await postgres.CreateMigratedAsync();
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var context = Databases.NewContext(source);
        var vm = await context.AddVmAsync();
        var node = await context.AddNodeAsync("a");
        var other = await context.AddNodeAsync("b");

        Assert.Equal(1, await VmLeases.TryAcquireAsync(source, vm.Id, node.Id, Long, Cancelled));
        Assert.Equal(2, await VmLeases.TryAcquireAsync(source, vm.Id, node.Id, Long, Cancelled));
        Assert.Null(await VmLeases.TryAcquireAsync(source, vm.Id, other.Id, Long, Cancelled));

        Assert.Empty(await VmLeases.RenewAsync(source, node.Id, new Dictionary<Guid, long> { [vm.Id] = 1 }, Long, Cancelled));
        Assert.Equal([vm.Id], await VmLeases.RenewAsync(source, node.Id, new Dictionary<Guid, long> { [vm.Id] = 2 }, Long, Cancelled));
        await using var connection = await source.OpenConnectionAsync(Cancelled);
        await using var transaction = await connection.BeginTransactionAsync(Cancelled);
        Assert.False(await VmLeases.HoldAsync(connection, transaction, vm.Id, node.Id, 1, Cancelled));
        Assert.True(await VmLeases.HoldAsync(connection, transaction, vm.Id, node.Id, 2, Cancelled));
    }

    [Fact]
    public async Task An_expired_lease_is_no_way_around_the_pin()
    {
        await using var database = await postgres.CreateMigratedAsync();
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var context = Databases.NewContext(source);
        var vm = await context.AddVmAsync();
        var node = await context.AddNodeAsync("a");
        var other = await context.AddNodeAsync("b");
        await VmLeases.TryAcquireAsync(source, vm.Id, node.Id, Long, Cancelled);

        await VmLeases.ReleaseAsync(source, vm.Id, node.Id, epoch: 1, Cancelled);

        Assert.Null(await VmLeases.TryAcquireAsync(source, vm.Id, other.Id, Long, Cancelled));
        Assert.Equal(2, await VmLeases.TryAcquireAsync(source, vm.Id, node.Id, Long, Cancelled));
    }
}
