using System.Diagnostics;
using System.Globalization;
using CloudVm.Contracts.Vms;
using CloudVm.Testing;

namespace CloudVm.Benchmarks;

/// <summary>A hundred hello-sve VMs at once: what each costs in memory, and all of them in CPU time while they idle.</summary>
internal static class DensityBenchmark
{
    private const int Vms = 100;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        await using BenchmarkInstallation cloud = await BenchmarkInstallation.StartAsync(cancellationToken);
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < Vms; i++)
        {
            Vm vm = await cloud.Api.Vms.CreateAsync(BenchmarkInstallation.Definition($"dense-{i:D3}"), cancellationToken: cancellationToken);
            await cloud.EndOfAsync(await cloud.Api.Vms.StartAsync(vm.Id, cancellationToken: cancellationToken), cancellationToken);
        }

        Console.WriteLine($"{Vms} VMs running after {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        int[] processes = [.. ProcessTable.Running(cloud.Installation.StateDirectory, "CloudVm.Hypervisor")];
        TimeSpan before = CpuTime(processes);
        await Task.Delay(Idle, cancellationToken);
        double share = (CpuTime(processes) - before) / Idle;

        long[] dirty = [.. processes.Select(ProcessMemory.PrivateDirty).Order()];
        Console.WriteLine($"{processes.Length} Hypervisor processes, those of the warm pool included");
        Console.WriteLine($"private dirty   median {ProcessMemory.Mebibytes(dirty[dirty.Length / 2])}   max {ProcessMemory.Mebibytes(dirty[^1])}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"CPU while idle  {share / processes.Length:P2} of one core each"));
    }

    private static TimeSpan CpuTime(int[] processes)
    {
        TimeSpan sum = TimeSpan.Zero;
        foreach (int pid in processes)
        {
            using Process process = Process.GetProcessById(pid);
            sum += process.TotalProcessorTime;
        }

        return sum;
    }
}
