using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>Ten guest kernels on our machine and on QEMU's in one run, and what the guest costs while it idles.</summary>
internal static class GuestBenchmark
{
    private const int Rounds = 2;
    private const int MemoryMiB = 256;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        using GuestImage image = await GuestImage.CreateAsync(cancellationToken);
        await using EmulatedMachine ours = EmulatedMachine.StartOurs(image, cpus: 1, MemoryMiB);
        await ours.WaitForPromptAsync(cancellationToken);
        await using EmulatedMachine qemu = EmulatedMachine.StartQemu(image, cpus: 1, MemoryMiB);
        await qemu.WaitForPromptAsync(cancellationToken);

        // In turns, so that what else the machine does meets both.
        Dictionary<string, Kernel> best = new(StringComparer.Ordinal);
        for (int round = 0; round < Rounds; round++)
        {
            foreach ((string name, long units, double seconds) in await MeasureAsync(ours, cancellationToken))
                best[name] = best.TryGetValue(name, out Kernel before) ? before with { Ours = Math.Min(before.Ours, seconds) } : new Kernel(units, seconds, double.MaxValue);
            foreach ((string name, _, double seconds) in await MeasureAsync(qemu, cancellationToken))
                best[name] = best[name] with { Qemu = Math.Min(best[name].Qemu, seconds) };
        }

        Console.WriteLine($"guest kernels, 1 vCPU, best of {Rounds}; QEMU: -cpu max,pauth-impdef=on");
        foreach ((string name, Kernel kernel) in best)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-10} {kernel.Units,11}   ours {kernel.Ours,8:F3} s   QEMU {kernel.Qemu,8:F3} s   ratio {kernel.Ours / kernel.Qemu,7:F2}"));
        }

        Kernel integer = best["integer"];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"integer loop: ours {integer.Units / integer.Ours / 1e6:F0} million instructions a second, QEMU {integer.Units / integer.Qemu / 1e6:F0}"));
        await MeasureIdleAsync(ours, qemu, cancellationToken);
    }

    private static async Task MeasureIdleAsync(EmulatedMachine ours, EmulatedMachine qemu, CancellationToken cancellationToken)
    {
        await Task.Delay(Settling, cancellationToken);
        TimeSpan oursBefore = ours.CpuTime;
        TimeSpan qemuBefore = qemu.CpuTime;
        await Task.Delay(Idle, cancellationToken);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"idle CPU: ours {(ours.CpuTime - oursBefore) / Idle:P2} of a core, QEMU {(qemu.CpuTime - qemuBefore) / Idle:P2}"));
        Console.WriteLine(
            $"memory (proportional): ours {ProcessMemory.Mebibytes(ProcessMemory.Proportional(ours.ProcessId))}, QEMU {ProcessMemory.Mebibytes(ProcessMemory.Proportional(qemu.ProcessId))}");
    }

    /// <summary>Runs the program once: name, units of work and seconds of each kernel.</summary>
    private static async Task<List<(string Name, long Units, double Seconds)>> MeasureAsync(EmulatedMachine machine, CancellationToken cancellationToken)
    {
        List<(string, long, double)> kernels = [];
        foreach (string line in (await machine.RunAsync("guestbench", cancellationToken)).Split('\n'))
        {
            if (line.Split(' ') is ["kernel", var name, var units, var seconds])
                kernels.Add((name, long.Parse(units, CultureInfo.InvariantCulture), double.Parse(seconds, CultureInfo.InvariantCulture)));
        }

        return kernels.Count > 0 ? kernels : throw new InvalidOperationException("The guest program printed no result.");
    }

    private readonly record struct Kernel(long Units, double Ours, double Qemu);
}
