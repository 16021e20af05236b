using System.Globalization;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Tests.Supervision;

/// <summary>Ends the Hypervisor processes of a test's node, also one that has not opened its socket yet.</summary>
internal static class LeftoverProcesses
{
    public static async Task EndAsync(ExitMonitor monitor, string runDirectory, CancellationToken ct)
    {
        foreach (string entry in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(entry), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                || !ReadCommandLine(entry).Contains(runDirectory, StringComparison.Ordinal)
                || !ProcessIdentity.TryRead(pid, out ProcessIdentity identity)
                || SupervisedProcess.TryAttach(monitor, identity) is not { } process)
                continue;
            await process.KillAsync(ct);
            process.Dispose();
        }
    }

    private static string ReadCommandLine(string entry)
    {
        try
        {
            return File.ReadAllText(Path.Combine(entry, "cmdline"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
