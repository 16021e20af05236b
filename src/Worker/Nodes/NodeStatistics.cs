using System.Globalization;

namespace CloudVm.Worker.Nodes;

/// <summary>What the node's kernel says about it.</summary>
internal static class NodeStatistics
{
    /// <summary>Total memory in MiB, by <c>/proc/meminfo</c>.</summary>
    public static int ReadMemoryMiB()
    {
        string line = File.ReadLines("/proc/meminfo").First(l => l.StartsWith("MemTotal:", StringComparison.Ordinal));
        long kib = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return (int)(kib / 1024);
    }

    /// <summary>One-minute load average.</summary>
    public static double ReadLoad() =>
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
}
