using System.Globalization;
using System.Text.RegularExpressions;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>Linux's raw kernel log (<c>dmesg -r</c>): lines of <c>&lt;facility and level&gt;[time] text</c>.</summary>
internal static partial class KernelLog
{
    private const int Warning = 4;
    private const int LevelBits = 7;

    /// <summary>
    /// What Linux says once when timers came due faster than it could serve them: also where a vCPU's thread got no host CPU in the middle
    /// of an interrupt.
    /// </summary>
    private const string LateTimer = "hrtimer: interrupt took N ns";

    /// <summary>
    /// The warnings without <see cref="LateTimer"/> if the host is known to have caused it: this process's vCPU threads stood in its run
    /// queues for more than a tenth of the time that they ran.
    /// </summary>
    public static string[] NotOfTheHost(string[] warnings)
    {
        long ran = 0;
        long waited = 0;
        foreach (var task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            try
            {
                if (!File.ReadAllText(Path.Combine(task, "comm")).StartsWith("vcpu", StringComparison.Ordinal))
                    continue;
                var nanoseconds = File.ReadAllText(Path.Combine(task, "schedstat")).Split(' ');
                ran += long.Parse(nanoseconds[0], CultureInfo.InvariantCulture);
                waited += long.Parse(nanoseconds[1], CultureInfo.InvariantCulture);
            }
            catch (IOException)
            {
                // The thread has ended since it was listed.
            }
        }

        return waited > ran / 10 ? [.. warnings.Where(warning => warning != LateTimer)] : warnings;
    }

    /// <summary>Texts of messages of level warning and worse, with numbers that differ from boot to boot replaced.</summary>
    public static string[] Warnings(string rawLog)
    {
        var lines = Line().Matches(rawLog.Replace("\r", "", StringComparison.Ordinal));
        if (lines.Count == 0)
            throw new ArgumentException($"This is no raw kernel log:\n{rawLog}", nameof(rawLog));
        return [.. lines
            .Where(line => (int.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture) & LevelBits) <= Warning)
            .Select(line => Numbers().Replace(line.Groups[2].Value, "N"))];
    }

    [GeneratedRegex(@"^<(\d+)>\[ *[\d.]+\] (.*)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Line();

    [GeneratedRegex(@"0x[0-9a-f]+|\d+", RegexOptions.CultureInvariant)]
    private static partial Regex Numbers();
}
