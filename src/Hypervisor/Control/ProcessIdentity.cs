using System.Globalization;

namespace CloudVm.Hypervisor.Control;

/// <summary>What tells this process from every other one, also from one that gets its PID later.</summary>
internal static class ProcessIdentity
{
    /// <summary>Identity of the build: the module's version id, new with every compilation.</summary>
    public static string BuildId { get; } = typeof(ProcessIdentity).Module.ModuleVersionId.ToString("n");

    /// <summary>Start time in clock ticks since boot (proc(5), stat field 22); 0 where there is no /proc.</summary>
    public static long StartTime { get; } = ReadStartTime();

    private static long ReadStartTime()
    {
        const string Path = "/proc/self/stat";
        const int FieldsBetween = 20; // the command's closing parenthesis ends field 2
        if (!File.Exists(Path))
            return 0;
        var stat = File.ReadAllText(Path);
        var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ');
        return long.Parse(fields[FieldsBetween], CultureInfo.InvariantCulture);
    }
}
