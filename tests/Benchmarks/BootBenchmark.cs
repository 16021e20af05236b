using System.Diagnostics;
using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>Seconds from starting the process to the shell of a Debian guest, beside QEMU's in the same run.</summary>
internal static class BootBenchmark
{
    private const int Rounds = 3;
    private const int MemoryMiB = 256;

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        using GuestImage image = await GuestImage.CreateAsync(cancellationToken);
        Console.WriteLine($"Debian 12's cloud kernel to a shell, {MemoryMiB} MiB, best of {Rounds}; QEMU: -cpu max,pauth-impdef=on");
        foreach (int cpus in (int[])[1, 2])
        {
            TimeSpan ours = TimeSpan.MaxValue;
            TimeSpan qemu = TimeSpan.MaxValue;
            for (int round = 0; round < Rounds; round++)
            {
                ours = Shorter(ours, await BootAsync(() => EmulatedMachine.StartOurs(image, cpus, MemoryMiB), cancellationToken));
                qemu = Shorter(qemu, await BootAsync(() => EmulatedMachine.StartQemu(image, cpus, MemoryMiB), cancellationToken));
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{cpus} vCPU(s)   ours {ours.TotalSeconds,7:F2} s   QEMU {qemu.TotalSeconds,7:F2} s   ratio {ours / qemu,6:F2}"));
        }
    }

    private static async Task<TimeSpan> BootAsync(Func<EmulatedMachine> start, CancellationToken cancellationToken)
    {
        long began = Stopwatch.GetTimestamp();
        await using EmulatedMachine machine = start();
        await machine.WaitForPromptAsync(cancellationToken);
        return Stopwatch.GetElapsedTime(began);
    }

    private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
