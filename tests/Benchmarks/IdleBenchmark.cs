using System.Diagnostics;
using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>Forty Debian VMs at once, booted one after the other: memory of each, and CPU time of all while they idle.</summary>
internal static class IdleBenchmark
{
    private const int Machines = 40;
    private const int MemoryMiB = 256;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        using GuestImage image = await GuestImage.CreateAsync(cancellationToken);
        List<EmulatedMachine> machines = [];
        try
        {
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; i < Machines; i++)
            {
                machines.Add(EmulatedMachine.StartOurs(image, cpus: 1, MemoryMiB));
                await machines[^1].WaitForPromptAsync(cancellationToken);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Machines} Debian VMs of {MemoryMiB} MiB at their shells after {Stopwatch.GetElapsedTime(began).TotalSeconds:F0} s"));
            TimeSpan before = Sum(machines);
            await Task.Delay(Idle, cancellationToken);
            double share = (Sum(machines) - before) / Idle / Machines;
            long[] memory = [.. machines.Select(m => ProcessMemory.Proportional(m.ProcessId)).Order()];
            Console.WriteLine($"memory (proportional): median {ProcessMemory.Mebibytes(memory[Machines / 2])}, all {ProcessMemory.Mebibytes(memory.Sum())}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"idle CPU: {share:P2} of a core each"));
        }
        finally
        {
            foreach (EmulatedMachine machine in machines)
                await machine.DisposeAsync();
        }
    }

    private static TimeSpan Sum(List<EmulatedMachine> machines) => machines.Aggregate(TimeSpan.Zero, (sum, machine) => sum + machine.CpuTime);
}
