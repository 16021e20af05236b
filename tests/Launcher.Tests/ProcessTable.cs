using System.Globalization;

namespace CloudVm.Launcher.Tests;

/// <summary>What <c>/proc</c> knows about a process.</summary>
internal static class ProcessTable
{
    public static int ParentOf(int pid)
    {
        string stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }
}
