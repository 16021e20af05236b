using System.Buffers.Binary;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>
/// The device's side of a split virtqueue (VIRTIO 1.2, section 2.7). Whatever the driver put there is checked when it is used, each value
/// read once; a rule that it broke is a <see cref="VirtioFaultException"/>.
/// </summary>
/// <remarks>
/// Thread: the device's I/O thread, and the transport's while that thread is held. Buffers are taken and returned in any order; returned
/// ones become visible at <see cref="Publish"/>.
/// </remarks>
public sealed class Virtqueue
{
    private const ushort DescriptorNext = 1;
    private const ushort DescriptorWrite = 2;
    private const ushort DescriptorIndirect = 4;
    private const int DescriptorBytes = 16;
    private const int UsedElementBytes = 8;
    private const int RingHeaderBytes = 4;
    private const ushort AvailableNoInterrupt = 1;

    private readonly GuestMemory _memory;
    private readonly DescriptorChain _chain;
    private ulong _features;

    internal Virtqueue(GuestMemory memory, int index, int maxSize)
    {
        _memory = memory;
        Index = index;
        MaxSize = maxSize;
        _chain = new DescriptorChain(memory, maxSize);
        State = new VirtqueueState { Size = (ushort)maxSize };
    }

    public int Index { get; }

    /// <summary>Most entries, and most descriptors of a chain.</summary>
    public int MaxSize { get; }

    /// <summary>Whether the driver has set the queue up.</summary>
    public bool Ready => State.Ready;

    internal VirtqueueState State { get; private set; }

    private bool EventIndex => (_features & VirtioFeatures.RingEventIndex) != 0;

    /// <summary>Takes the next buffer that the driver made available; false when there is none.</summary>
    public bool TryTake(out DescriptorChain chain)
    {
        chain = _chain;
        if (!State.Ready || !HasAvailable())
            return false;
        var slot = State.NextAvailable & (State.Size - 1);
        var head = ReadHalfword(State.Driver + RingHeaderBytes + (2 * (ulong)slot));
        if (head >= State.Size)
            throw new VirtioFaultException($"queue {Index}: the available ring names descriptor {head} of {State.Size}");
        ReadChain(head);
        State.NextAvailable++;
        return true;
    }

    /// <summary>Gives back the last <paramref name="count"/> taken buffers as if they had not been taken.</summary>
    public void Untake(int count) => State.NextAvailable -= (ushort)count;

    /// <summary>Returns a buffer to the driver; it sees it after <see cref="Publish"/>.</summary>
    /// <param name="head">The chain's <see cref="DescriptorChain.Head"/>.</param>
    /// <param name="written">Bytes written from the beginning of the writable part on.</param>
    public void Return(ushort head, long written)
    {
        var slot = (ulong)(State.NextUsed & (State.Size - 1));
        if (!_memory.TryLendWrite(State.Device + RingHeaderBytes + (UsedElementBytes * slot), UsedElementBytes, out var element))
            throw RingOutsideRam();
        BinaryPrimitives.WriteUInt32LittleEndian(element, head);
        BinaryPrimitives.WriteUInt32LittleEndian(element[4..], (uint)written);
        State.NextUsed++;
    }

    /// <summary>Makes returned buffers visible to the driver.</summary>
    /// <returns>Whether the driver wants an interrupt for them.</returns>
    public bool Publish()
    {
        if (State.NextUsed == State.ConsideredUsed)
            return false;
        if (!_memory.TryWriteRelease(State.Device + 2, State.NextUsed))
            throw RingOutsideRam();
        Interlocked.MemoryBarrier(); // the index must be visible before the driver's wish is read
        var before = State.ConsideredUsed;
        State.ConsideredUsed = State.NextUsed;
        if (!EventIndex)
            return (ReadHalfword(State.Driver) & AvailableNoInterrupt) == 0;
        var usedEvent = ReadHalfword(State.Driver + RingHeaderBytes + (2 * (ulong)State.Size));
        return (ushort)(State.NextUsed - usedEvent - 1) < (ushort)(State.NextUsed - before);
    }

    internal void Reset()
    {
        State = new VirtqueueState { Size = (ushort)MaxSize };
        _features = 0;
    }

    /// <summary>Puts the queue into use.</summary>
    /// <exception cref="VirtioFaultException">Size, alignment or place of a ring is not possible.</exception>
    internal void Enable(ulong features)
    {
        if (FindFault(State) is { } fault)
            throw new VirtioFaultException($"queue {Index}: {fault}");
        _features = features;
        State.NextAvailable = State.NextUsed = State.ConsideredUsed = 0;
        State.Ready = true;
    }

    internal void Disable() => State.Ready = false;

    /// <summary>Checks saved state; the action takes it over.</summary>
    internal Action PrepareRestore(StateReader reader, ulong features)
    {
        var state = VirtqueueState.Load(reader);
        if (state.Size > MaxSize)
            throw new StateFormatException($"Queue {Index} has {state.Size} entries in the state; at most {MaxSize} are possible here.", incompatible: true);
        if (state.Ready && FindFault(state) is { } fault)
            throw new StateFormatException($"Queue {Index} cannot be as the state says: {fault}.");
        return () =>
        {
            State = state;
            _features = features;
        };
    }

    private string? FindFault(VirtqueueState state)
    {
        var size = (int)state.Size;
        if (size == 0 || size > MaxSize || (size & (size - 1)) != 0)
            return $"{size} entries are no power of two up to {MaxSize}";
        return FindFault("descriptor table", state.Descriptors, DescriptorBytes, DescriptorBytes * size)
            ?? FindFault("available ring", state.Driver, 2, RingHeaderBytes + (2 * size) + 2)
            ?? FindFault("used ring", state.Device, 4, RingHeaderBytes + (UsedElementBytes * size) + 2);
    }

    private string? FindFault(string ring, ulong address, int alignment, int bytes)
    {
        if ((address & (ulong)(alignment - 1)) != 0)
            return $"the {ring} at 0x{address:x} is not aligned to {alignment} bytes";
        return _memory.Contains(address, bytes) ? null : $"the {ring} at 0x{address:x} does not lie in RAM";
    }

    private bool HasAvailable()
    {
        var available = ReadHalfword(State.Driver + 2);
        if (available == State.NextAvailable && EventIndex)
        {
            // Ask for a notification of the next entry, then look again: it may have come in between.
            var eventAt = State.Device + RingHeaderBytes + (UsedElementBytes * (ulong)State.Size);
            if (ReadHalfword(eventAt) != available)
            {
                if (!_memory.TryWriteRelease(eventAt, available))
                    throw RingOutsideRam();
                Interlocked.MemoryBarrier();
                available = ReadHalfword(State.Driver + 2);
            }
        }

        var count = (ushort)(available - State.NextAvailable);
        if (count > State.Size)
            throw new VirtioFaultException($"queue {Index}: the driver's index is {count} ahead in a queue of {State.Size}");
        return count != 0;
    }

    private void ReadChain(ushort head)
    {
        _chain.Begin(head);
        var table = State.Descriptors;
        var entries = (int)State.Size;
        var indirect = false;
        var visited = 0;
        int index = head;
        while (true)
        {
            if (visited++ == entries)
                throw new VirtioFaultException($"queue {Index}: a descriptor chain is a loop");
            if (!_memory.TryLendRead(table + (DescriptorBytes * (ulong)index), DescriptorBytes, out var descriptor))
                throw RingOutsideRam();
            var address = BinaryPrimitives.ReadUInt64LittleEndian(descriptor);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(descriptor[8..]);
            var flags = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[12..]);
            var next = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..]);
            if ((flags & DescriptorIndirect) != 0)
            {
                CheckIndirect(indirect, address, length, flags);
                (table, entries, indirect, visited, index) = (address, (int)length / DescriptorBytes, true, 0, 0);
                continue;
            }

            _chain.Add(address, length, (flags & DescriptorWrite) != 0);
            if ((flags & DescriptorNext) == 0)
                return;
            if (next >= entries)
                throw new VirtioFaultException($"queue {Index}: a descriptor is followed by descriptor {next} of {entries}");
            index = next;
        }
    }

    private void CheckIndirect(bool within, ulong address, uint length, ushort flags)
    {
        if ((_features & VirtioFeatures.RingIndirectDescriptors) == 0)
            throw new VirtioFaultException($"queue {Index}: an indirect descriptor, which was not negotiated");
        if (within)
            throw new VirtioFaultException($"queue {Index}: an indirect descriptor in an indirect table");
        if ((flags & DescriptorNext) != 0)
            throw new VirtioFaultException($"queue {Index}: an indirect descriptor that is continued");
        if (length == 0 || length % DescriptorBytes != 0 || length / DescriptorBytes > MaxSize)
            throw new VirtioFaultException($"queue {Index}: an indirect table of {length} bytes");
        if (!_memory.Contains(address, (int)length))
            throw new VirtioFaultException($"queue {Index}: the indirect table at 0x{address:x} does not lie in RAM");
    }

    private ushort ReadHalfword(ulong gpa) => _memory.TryReadAcquire(gpa, out var value) ? value : throw RingOutsideRam();

    private VirtioFaultException RingOutsideRam() => new($"queue {Index} does not lie in RAM");
}
