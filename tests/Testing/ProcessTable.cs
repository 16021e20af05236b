using System.Globalization;

namespace CloudVm.Testing;

/// <summary>What <c>/proc</c> knows about processes.</summary>
public static class ProcessTable
{
    /// <summary>PID of a process's parent.</summary>
    public static int ParentOf(int pid)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }

    /// <summary>Processes whose executable, or one of whose arguments, lies beneath a directory.</summary>
    public static IReadOnlyList<int> Concerning(string directory)
        => [.. Pids().Where(pid => (ExecutableOf(pid) ?? "").StartsWith(directory + "/", StringComparison.Ordinal)
            || CommandLineOf(pid).Contains(directory + "/", StringComparison.Ordinal))];

    /// <summary>Processes that run an executable of this name from beneath a directory.</summary>
    public static IReadOnlyList<int> Running(string directory, string executable)
        => [.. Pids().Where(pid => ExecutableOf(pid) is { } path
            && path.StartsWith(directory + "/", StringComparison.Ordinal) && Path.GetFileName(path) == executable)];

    private static IEnumerable<int> Pids()
        => Directory.EnumerateDirectories("/proc")
            .Select(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out int pid) ? pid : 0)
            .Where(pid => pid > 0);

    /// <summary>Null for one that has ended or is not ours to look at.</summary>
    private static string? ExecutableOf(int pid)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{pid}/exe", returnFinalTarget: false)?.FullName;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string CommandLineOf(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' ');
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
