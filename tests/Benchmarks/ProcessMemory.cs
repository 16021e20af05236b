using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>What processes cost, from the kernel's own accounts.</summary>
internal static class ProcessMemory
{
    /// <summary>Memory that goes away with the process: its private, written pages. In bytes.</summary>
    public static long PrivateDirty(int pid) => Rollup(pid, "Private_Dirty:");

    /// <summary>Resident memory, with shared pages divided among those who share them. In bytes.</summary>
    public static long Proportional(int pid) => Rollup(pid, "Pss:");

    public static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0,7:F1} MiB");

    private static long Rollup(int pid, string field)
    {
        string line = File.ReadLines($"/proc/{pid}/smaps_rollup").First(l => l.StartsWith(field, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
