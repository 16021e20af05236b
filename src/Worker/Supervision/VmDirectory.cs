using System.Text;
using System.Text.Json;
using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Supervision;

/// <summary>The files of one VM on this node.</summary>
public sealed class VmDirectory(string path)
{
    private const int ConsoleTailBytes = 16 * 1024;

    /// <summary>The directory.</summary>
    public string Path { get; } = path;

    /// <summary>Console output, written by the Hypervisor process; only grows.</summary>
    public string ConsoleLog => In("console.log");

    /// <summary>The last orderly exit, written by the Hypervisor process.</summary>
    public string ExitRecord => In("exit.json");

    /// <summary>Standard output and error of the Hypervisor process.</summary>
    public string HypervisorLog => In("hypervisor.log");

    /// <summary>Standard output and error of passt.</summary>
    public string NetworkLog => In("passt.log");

    /// <summary>Unix socket of the Hypervisor process's GDB server.</summary>
    public string DebuggerSocket => In(ControlProtocol.DebuggerSocketName);

    private string ProcessFile => In("machine.json");

    private string NetworkFile => In("passt.json");

    /// <summary>Creates the directory where it is missing.</summary>
    public void Create() =>
        Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    /// <summary>Removes the VM's files.</summary>
    public void Delete()
    {
        if (Directory.Exists(Path))
            Directory.Delete(Path, recursive: true);
    }

    /// <summary>Records which process runs the VM, atomically.</summary>
    public void WriteProcess(ProcessRecord record) => WriteRecord(ProcessFile, record);

    /// <summary>Records which passt serves the VM's network card, atomically.</summary>
    public void WriteNetwork(ProcessRecord record) => WriteRecord(NetworkFile, record);

    /// <summary>The passt that serves, or last served, the VM; null when its card is connected to nothing.</summary>
    public ProcessRecord? ReadNetwork() => ReadJson(NetworkFile, file => JsonSerializer.Deserialize<ProcessRecord>(file, JsonSerializerOptions.Web));

    /// <summary>Forgets the passt process.</summary>
    public void DeleteNetwork() => File.Delete(NetworkFile);

    private static void WriteRecord(string path, ProcessRecord record)
    {
        string temporary = path + ".tmp";
        using (FileStream file = new(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(file, record, JsonSerializerOptions.Web);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>The process that runs, or last ran, the VM; null when none did.</summary>
    public ProcessRecord? ReadProcess() => ReadJson(ProcessFile, file => JsonSerializer.Deserialize<ProcessRecord>(file, JsonSerializerOptions.Web));

    /// <summary>Forgets the process.</summary>
    public void DeleteProcess() => File.Delete(ProcessFile);

    /// <summary>The exit record of exactly this process; null when it left none, that is, when it was killed.</summary>
    public ExitRecord? ReadExit(ProcessIdentity process) =>
        ReadJson(ExitRecord, file => JsonSerializer.Deserialize(file, ControlJsonContext.Default.ExitRecord)) is { } record
        && record.ProcessId == process.ProcessId && record.ProcessStartTime == process.StartTime
            ? record
            : null;

    /// <summary>The last lines of the console log, for people who ask why a VM ended.</summary>
    public IReadOnlyList<string> ReadConsoleTail(int maxLines)
    {
        if (!File.Exists(ConsoleLog))
            return [];
        using FileStream file = new(ConsoleLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(-Math.Min(file.Length, ConsoleTailBytes), SeekOrigin.End);
        byte[] bytes = new byte[ConsoleTailBytes];
        int read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        string[] lines = Encoding.UTF8.GetString(bytes, 0, read).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        return lines.Length > maxLines ? lines[^maxLines..] : lines;
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);

    private static T? ReadJson<T>(string path, Func<FileStream, T?> read)
        where T : class
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return read(file);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
