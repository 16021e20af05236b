using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;

namespace CloudVm.EndToEnd.Tests.Faults;

/// <summary>
/// <c>kill -9</c> of every kind of process in the middle of start, snapshot and restore. Moments are drawn from a seed, which is printed;
/// <c>CLOUDVM_TEST_SEED</c> repeats it.
/// </summary>
public sealed class FaultTests(FaultInstallation cloud) : IClassFixture<FaultInstallation>
{
    private const string Hypervisor = "Hypervisor";

    private const string OrphansSql = """
        SELECT count(*) FROM chunks c WHERE NOT EXISTS (
            SELECT FROM snapshot_manifest_parts p, generate_series(0, octet_length(p.hashes) / 32 - 1) AS i
            WHERE substring(p.hashes FROM i * 32 + 1 FOR 32) = c.hash)
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int Rounds => Environment.GetEnvironmentVariable("CLOUDVM_TEST_LONG") is { Length: > 0 } ? 25 : 2;

    [Theory]
    [InlineData("Api")]
    [InlineData("Worker")]
    [InlineData(Hypervisor)]
    [InlineData("PostgreSQL")]
    public async Task Killed_processes_lose_nothing_that_was_acknowledged(string victim)
    {
        int seed = Environment.GetEnvironmentVariable("CLOUDVM_TEST_SEED") is { Length: > 0 } given
            ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new(seed);
        string prefix = victim.ToLowerInvariant();
        Guid bystander = await cloud.StartVmAsync($"{prefix}-bystander");
        int process = (await cloud.GetVmAsync(bystander)).Status.ProcessId!.Value;
        long ticks = await cloud.TicksAsync(bystander);
        Guid vm = await cloud.StartVmAsync($"{prefix}-subject");
        Operation taken = await cloud.EndOfAsync((await cloud.Api.Vms.SnapshotAsync(vm, cancellationToken: Cancellation)).Id);
        Guid snapshot = taken.Result!.Value.GetProperty("snapshotId").GetGuid();

        for (int round = 0; round < Rounds; round++)
        {
            string what = $"seed {seed}, {victim}, round {round}";
            int processId = victim == Hypervisor ? 0 : await cloud.Installation.ProcessIdAsync(victim, Cancellation);
            Operation operation = await BeginAsync(vm, snapshot, random.Next(3));
            await Task.Delay(random.Next(400), Cancellation);
            if (victim == Hypervisor)
                processId = (await cloud.GetVmAsync(vm)).Status.ProcessId ?? 0;
            if (processId != 0)
                FaultInstallation.Kill(processId);

            Operation ended = await cloud.EndOfAsync(operation.Id);
            if (victim != Hypervisor)
                Assert.True(ended.State == OperationState.Succeeded, $"{what}: {ended.Kind} {ended.State} {ended.Problem?.Detail}");
            Vm other = await cloud.GetVmAsync(bystander);
            Assert.True(other.Status.ProcessId == process, $"{what}: the bystander runs in {other.Status.ProcessId}, not in {process} any more");
            long now = await cloud.TicksAsync(bystander);
            Assert.True(now > ticks, $"{what}: the bystander's ticks stand at {now}");
            ticks = now;
            await BringBackAsync(vm, victim == Hypervisor ? processId : 0, what);
        }

        await AssertNothingIsLeftAsync(snapshot);
    }

    private async Task<Operation> BeginAsync(Guid vm, Guid snapshot, int kind)
    {
        switch (kind)
        {
            case 0:
                await cloud.EndOfAsync((await cloud.Api.Vms.StopAsync(vm, force: true, cancellationToken: Cancellation)).Id);
                return await cloud.Api.Vms.StartAsync(vm, cancellationToken: Cancellation);
            case 1:
                return await cloud.Api.Vms.SnapshotAsync(
                    vm, new SnapshotVmRequest { Name = $"s-{Guid.NewGuid():N}" }, cancellationToken: Cancellation);
            default:
                return await cloud.Api.Vms.RestoreAsync(vm, snapshot, cancellationToken: Cancellation);
        }
    }

    /// <summary>
    /// The VM runs again after each round, whatever was done to it. A status that still names the killed process is an old one: the
    /// operation may have ended before the death was noticed.
    /// </summary>
    private async Task BringBackAsync(Guid vm, int killed, string what)
    {
        Vm? seen = null;
        await FaultInstallation.UntilAsync(
            async () =>
            {
                seen = await cloud.Api.Vms.GetAsync(vm, Cancellation);
                if (seen.Status.Phase is VmPhase.Stopped or VmPhase.Crashed && seen.Status.OperationId is null)
                    await cloud.EndOfAsync((await cloud.Api.Vms.StartAsync(vm, cancellationToken: Cancellation)).Id);
                return seen.Status.Phase == VmPhase.Running && seen.Status.ProcessId != killed;
            },
            $"the VM to run again ({what})", () => $"it is {seen?.Status.Phase}: {seen?.Status.Message}");
    }

    private async Task AssertNothingIsLeftAsync(Guid snapshot)
    {
        Assert.Equal(0, await cloud.ScalarAsync("SELECT count(*) FROM operations WHERE state IN ('pending', 'running', 'cancelling')"));
        Assert.Equal(0, await cloud.ScalarAsync(
            "SELECT count(*) FROM snapshots s WHERE state <> 'ready' OR NOT EXISTS (SELECT FROM snapshot_manifest_parts WHERE snapshot_id = s.id)"));
        long orphans = -1;
        await FaultInstallation.UntilAsync(async () => (orphans = await cloud.ScalarAsync(OrphansSql)) == 0, "garbage collection", () => $"{orphans} orphaned chunks");
        Operation verified = await cloud.EndOfAsync((await cloud.Api.Snapshots.VerifyAsync(snapshot, cancellationToken: Cancellation)).Id);
        Assert.Equal("ok", verified.Result!.Value.GetProperty("verifyResult").GetString());
    }
}
