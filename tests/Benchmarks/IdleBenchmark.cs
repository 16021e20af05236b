using System.Diagnostics;
using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>Forty Debian VMs at once, booted as many at a time as the host has CPUs: memory of each, and CPU time of all while they idle.</summary>
internal static class IdleBenchmark
{
    private const int Machines = 40;
    private const int MemoryMiB = 256;

    /// <summary>What a kernel still does after its first prompt is not idling.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        using GuestImage image = await GuestImage.CreateAsync(cancellationToken);
        List<EmulatedMachine> machines = [];
        try
        {
            long began = Stopwatch.GetTimestamp();
            while (machines.Count < Machines)
            {
                int first = machines.Count;
                for (int i = 0; i < Environment.ProcessorCount && machines.Count < Machines; i++)
                    machines.Add(EmulatedMachine.StartOurs(image, cpus: 1, MemoryMiB));
                await Task.WhenAll(machines.Skip(first).Select(machine => machine.WaitForPromptAsync(cancellationToken)));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{machines.Count,3} of {Machines} at their shells after {Stopwatch.GetElapsedTime(began).TotalSeconds,4:F0} s"));
            }

            await Task.Delay(Settle, cancellationToken);
            TimeSpan before = Sum(machines);
            long idleFrom = Stopwatch.GetTimestamp();
            await Task.Delay(Idle, cancellationToken);
            double share = (Sum(machines) - before) / Stopwatch.GetElapsedTime(idleFrom) / Machines;
            long[] memory = [.. machines.Select(m => ProcessMemory.Proportional(m.ProcessId)).Order()];
            Console.WriteLine($"{Machines} Debian VMs of {MemoryMiB} MiB");
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
