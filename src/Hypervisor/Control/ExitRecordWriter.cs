using System.Text.Json;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;

namespace CloudVm.Hypervisor.Control;

/// <summary>Writes the exit record, once and as a whole: whoever finds the file finds all of it.</summary>
/// <remarks>Thread: any.</remarks>
internal sealed class ExitRecordWriter(TimeProvider time)
{
    private const int RecordVersion = 1;

    private int _written;

    /// <summary>Where the record goes; null writes none.</summary>
    public string? Path { get; set; }

    /// <summary>Writes the record unless one was written already.</summary>
    public void Write(MachineExit exit, GuestMachine? machine, long epoch)
    {
        if (Path is not { } path || Interlocked.Exchange(ref _written, 1) != 0)
            return;
        var status = machine?.ReadStatus();
        var record = new ExitRecord(
            RecordVersion,
            machine?.Configuration.Definition.VmId,
            Environment.ProcessId,
            ProcessIdentity.StartTime,
            exit.Reason,
            exit.Detail,
            time.GetUtcNow(),
            epoch,
            status?.ConsoleOffset ?? 0,
            status?.ConsoleLogBytes ?? 0,
            machine?.ReadCounters());
        var temporary = path + ".new";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, record, ControlJsonContext.Default.ExitRecord);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
