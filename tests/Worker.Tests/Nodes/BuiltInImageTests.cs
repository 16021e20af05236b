using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Testing;
using Npgsql;

namespace CloudVm.Worker.Tests.Nodes;

/// <summary>Images that appear on a node while it runs.</summary>
public sealed class BuiltInImageTests(PostgresFixture postgres)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_image_can_be_used_once_it_is_listed_although_others_are_still_being_registered()
    {
        await using TestNode node = await TestNode.StartAsync(postgres);

        await using NpgsqlConnection blocker = await node.Source.OpenConnectionAsync(Ct);
        await using NpgsqlTransaction transaction = await blocker.BeginTransactionAsync(Ct);
        await using (NpgsqlCommand locking = new("SELECT pg_advisory_xact_lock($1)", blocker, transaction))
        {
            locking.Parameters.Add(new() { Value = AdvisoryLocks.Of("image later-2") });
            await locking.ExecuteNonQueryAsync(Ct);
        }

        node.WriteImage("later-1");
        node.WriteImage("later-2");
        Guid vm = await node.AddVmAsync(imageName: "later-1");
        await node.StartAsync(vm);

        await node.WaitForPhaseAsync(vm, VmPhase.Running);
        Assert.Equal(0, await node.ScalarAsync("SELECT count(*) FROM images WHERE name = 'later-2'"));
    }
}
