using System.Text;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio.Console;

/// <summary>One port: input that waits for the guest, and the guest's output cut into lines.</summary>
/// <remarks>Thread: input is added on any thread; the rest belongs to the device's I/O thread.</remarks>
internal sealed class VirtioConsolePort(string? name, int receiveQueue, int transmitQueue, Action<string>? onLine)
{
    /// <summary>Most bytes of input that wait; more are refused.</summary>
    public const int MaxPending = 64 * 1024;

    /// <summary>Longest line of output, in bytes; the rest of a longer one is lost.</summary>
    public const int MaxLine = 4096;

    private readonly Lock _gate = new();
    private readonly byte[] _line = new byte[MaxLine];
    private byte[] _pending = [];
    private int _lineLength;
    private volatile bool _guestOpen;

    /// <summary>The name that the guest's device file gets by its rules, or null for a console.</summary>
    public string? Name { get; } = name;

    public int ReceiveQueue { get; } = receiveQueue;

    public int TransmitQueue { get; } = transmitQueue;

    /// <summary>Whether a program in the guest has opened the port. Input waits until one has: drivers discard it otherwise.</summary>
    public bool GuestOpen
    {
        get => _guestOpen;
        set => _guestOpen = value;
    }

    /// <summary>Adds input, all of it or nothing.</summary>
    public bool TryAppend(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (bytes.Length > MaxPending - _pending.Length)
                return false;
            _pending = [.. _pending, .. bytes];
            return true;
        }
    }

    public bool HasPending
    {
        get
        {
            lock (_gate)
                return _pending.Length != 0;
        }
    }

    /// <summary>Moves input into a buffer of the guest.</summary>
    /// <returns>Bytes moved.</returns>
    public int Deliver(DescriptorChain chain)
    {
        lock (_gate)
        {
            var count = chain.Write(0, _pending);
            _pending = _pending[count..];
            return count;
        }
    }

    /// <summary>Takes the guest's output.</summary>
    public void Receive(DescriptorChain chain)
    {
        if (onLine is null)
            return;
        foreach (var segment in chain.Readable)
        {
            foreach (var value in chain.LendRead(segment))
            {
                if (value == (byte)'\n')
                {
                    onLine(Encoding.UTF8.GetString(_line, 0, _lineLength));
                    _lineLength = 0;
                }
                else if (_lineLength < MaxLine)
                {
                    _line[_lineLength++] = value;
                }
            }
        }
    }

    /// <summary>The driver starts anew; input still waits for it.</summary>
    public void Reset()
    {
        _guestOpen = false;
        _lineLength = 0;
    }

    public void Save(StateWriter writer)
    {
        writer.WriteBoolean(_guestOpen);
        lock (_gate)
            writer.WriteCounted(_pending);
        writer.WriteCounted(_line.AsSpan(0, _lineLength));
    }

    public Action PrepareRestore(StateReader reader)
    {
        var guestOpen = reader.ReadBoolean();
        var pending = reader.ReadCounted(MaxPending).ToArray();
        var line = reader.ReadCounted(MaxLine).ToArray();
        return () =>
        {
            _guestOpen = guestOpen;
            lock (_gate)
                _pending = pending;
            line.CopyTo(_line, 0);
            _lineLength = line.Length;
        };
    }
}
