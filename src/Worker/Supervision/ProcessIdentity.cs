using System.Globalization;

namespace CloudVm.Worker.Supervision;

/// <summary>Names one process for ever: PIDs are reused, a PID with its start time is not.</summary>
/// <param name="ProcessId">PID in this node's namespace.</param>
/// <param name="StartTime">Field 22 of <c>/proc/PID/stat</c>: clock ticks since boot.</param>
public readonly record struct ProcessIdentity(int ProcessId, long StartTime)
{
    private const int StateField = 0;
    private const int StartTimeField = 19;

    /// <summary>Whether this very process lives. A zombie has ended: it only waits for a parent that may never ask.</summary>
    public bool IsAlive => TryRead(ProcessId, out ProcessIdentity now) && now == this;

    /// <summary>Reads the identity of the live process that has <paramref name="processId"/> now.</summary>
    /// <returns>False when there is none, or only a zombie.</returns>
    public static bool TryRead(int processId, out ProcessIdentity identity)
    {
        identity = default;
        string stat;
        try
        {
            stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        // The command name (field 2) stands in parentheses and may hold anything, so count fields from its end.
        int nameEnd = stat.LastIndexOf(')');
        if (nameEnd < 0)
            return false;
        string[] fields = stat[(nameEnd + 2)..].Split(' ');
        if (fields.Length <= StartTimeField || fields[StateField] is "Z" or "X" or "x")
            return false;

        identity = new ProcessIdentity(processId, long.Parse(fields[StartTimeField], CultureInfo.InvariantCulture));
        return true;
    }
}
