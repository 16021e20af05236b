using System.Diagnostics;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;

namespace CloudVm.Benchmarks;

/// <summary>Rounds of create→running, snapshot, restore and stop, as a client sees them.</summary>
internal static class LifecycleBenchmark
{
    private const int Rounds = 50;

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        await using BenchmarkInstallation cloud = await BenchmarkInstallation.StartAsync(cancellationToken);
        Distribution running = new("create→running");
        Distribution snapshot = new("snapshot");
        Distribution restore = new("restore");
        Distribution stop = new("stop");
        for (int round = 0; round < Rounds; round++)
        {
            long began = Stopwatch.GetTimestamp();
            Vm vm = await cloud.Api.Vms.CreateAsync(BenchmarkInstallation.Definition($"round-{round:D2}"), cancellationToken: cancellationToken);
            await cloud.EndOfAsync(await cloud.Api.Vms.StartAsync(vm.Id, cancellationToken: cancellationToken), cancellationToken);
            running.Add(Stopwatch.GetElapsedTime(began));

            Operation taken = await TimedAsync(snapshot, () => cloud.Api.Vms.SnapshotAsync(vm.Id, cancellationToken: cancellationToken));
            Guid snapshotId = taken.Result!.Value.GetProperty("snapshotId").GetGuid();
            await TimedAsync(restore, () => cloud.Api.Vms.RestoreAsync(vm.Id, snapshotId, cancellationToken: cancellationToken));
            await TimedAsync(stop, () => cloud.Api.Vms.StopAsync(vm.Id, force: true, cancellationToken: cancellationToken));
            await cloud.EndOfAsync(await cloud.Api.Vms.DeleteAsync(vm.Id, cancellationToken: cancellationToken), cancellationToken);
        }

        Console.WriteLine($"{Rounds} rounds, hello-sve, 1 CPU, 64 MiB:");
        foreach (Distribution distribution in (Distribution[])[running, snapshot, restore, stop])
            Console.WriteLine(distribution);

        async Task<Operation> TimedAsync(Distribution distribution, Func<Task<Operation>> verb)
        {
            long began = Stopwatch.GetTimestamp();
            Operation ended = await cloud.EndOfAsync(await verb(), cancellationToken);
            distribution.Add(Stopwatch.GetElapsedTime(began));
            return ended;
        }
    }
}
