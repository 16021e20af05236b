using System.Text;

namespace CloudVm.Hypervisor.Machine;

/// <summary>
/// The stored console log: a file that only grows, whatever is restored. Lines are written when they end; a line in the making follows
/// within <see cref="FlushDelay"/>, so that a killed process loses next to nothing.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class ConsoleLog : IDisposable
{
    private static readonly TimeSpan FlushDelay = TimeSpan.FromMilliseconds(50);

    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private readonly ITimer _timer;
    private readonly byte[] _pending = new byte[1024];
    private int _count;
    private long _written;
    private long _lost;
    private bool _armed;
    private bool _disposed;

    /// <summary>Opens or creates the log for appending.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public ConsoleLog(string path, TimeProvider time)
    {
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        _written = _file.Length;
        _timer = time.CreateTimer(static s => ((ConsoleLog)s!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Bytes in the log, written or about to be.</summary>
    public long Length
    {
        get
        {
            lock (_gate)
                return _written + _count;
        }
    }

    public void Append(byte value)
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _pending[_count++] = value;
            if (value == '\n' || _count == _pending.Length)
            {
                Flush();
            }
            else if (!_armed)
            {
                _armed = true;
                _timer.Change(FlushDelay, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Adds a line of ours, set apart from the guest's output.</summary>
    public void AppendMarker(string text)
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            Flush();
            WriteToFile(Encoding.UTF8.GetBytes($"\r\n[cloudvm] {text}\r\n"));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            Flush();
            _disposed = true;
            _timer.Dispose();
            _file.Dispose();
        }
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            _armed = false;
            if (!_disposed)
                Flush();
        }
    }

    private void Flush()
    {
        if (_count == 0)
            return;
        WriteToFile(_pending.AsSpan(0, _count));
        _count = 0;
    }

    /// <summary>A log that cannot be written (a full disk) must not stop the guest: what is lost is counted and said once it works again.</summary>
    private void WriteToFile(ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (_lost > 0)
            {
                var notice = Encoding.UTF8.GetBytes($"\r\n[cloudvm] {_lost} bytes of output could not be written here\r\n");
                _file.Write(notice);
                _written += notice.Length;
                _lost = 0;
            }

            _file.Write(bytes);
            _written += bytes.Length;
        }
        catch (IOException)
        {
            _lost += bytes.Length;
        }
    }
}
