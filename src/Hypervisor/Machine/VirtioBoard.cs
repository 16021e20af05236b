using CloudVm.Hypervisor.Devices;
using CloudVm.Hypervisor.Devices.Virtio;
using CloudVm.Hypervisor.Devices.Virtio.Balloon;
using CloudVm.Hypervisor.Devices.Virtio.Block;
using CloudVm.Hypervisor.Devices.Virtio.Console;
using CloudVm.Hypervisor.Devices.Virtio.Net;
using CloudVm.Hypervisor.Devices.Virtio.Rng;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Machine;

/// <summary>A disk of the machine: its serial number and where its bytes lie.</summary>
/// <param name="Serial">1 to 20 ASCII characters.</param>
/// <param name="Backend">Disposed with the machine.</param>
public readonly record struct BoardDisk(string Serial, IBlockBackend Backend);

/// <summary>The virtio slots of the board and what sits in them. Devices stand still until <see cref="Release"/>.</summary>
internal sealed class VirtioBoard : IDisposable
{
    private readonly List<(int Slot, VirtioMmio Transport)> _slots = [];
    private readonly GuestMemory _memory;
    private readonly Func<int, Action<bool>> _line;

    /// <param name="memory">Guest memory.</param>
    /// <param name="line">Gives the line of an SPI.</param>
    /// <param name="network">The network card, or null for none.</param>
    /// <param name="disks">At most <see cref="MemoryMap.MaxDisks"/>, in order.</param>
    /// <param name="time">Host time, for rates.</param>
    public VirtioBoard(GuestMemory memory, Func<int, Action<bool>> line, VirtioNet? network, IReadOnlyList<BoardDisk> disks, TimeProvider time)
    {
        _memory = memory;
        _line = line;
        Events = new DeviceEventLog(time);
        Console = Add(MemoryMap.VirtioConsoleSlot, new VirtioConsole(memory));
        Add(MemoryMap.VirtioRngSlot, new VirtioRng(memory, time));
        Balloon = Add(MemoryMap.VirtioBalloonSlot, new VirtioBalloon(memory));
        if (network is not null)
            Add(MemoryMap.VirtioNetSlot, network).Connect();
        for (var i = 0; i < disks.Count; i++)
            Add(MemoryMap.VirtioFirstDiskSlot + i, new VirtioBlock(disks[i].Serial, disks[i].Backend, memory));
        Hold();
    }

    public DeviceEventLog Events { get; }

    public VirtioConsole Console { get; }

    public VirtioBalloon Balloon { get; }

    /// <summary>The slots in use, ascending.</summary>
    public IEnumerable<int> Slots => _slots.Select(s => s.Slot);

    /// <summary>One section of saved state per device.</summary>
    public IEnumerable<ISnapshottable> Parts => _slots.Select(s => s.Transport);

    public void AddTo(MmioBus bus)
    {
        foreach (var (slot, transport) in _slots)
            bus.Add(MemoryMap.Virtio + (MemoryMap.VirtioBytes * (ulong)slot), MemoryMap.VirtioBytes, transport);
    }

    /// <summary>Returns when no device touches memory any more: the requests at hand are finished, the others wait in their rings.</summary>
    public void Hold()
    {
        foreach (var (_, transport) in _slots)
            transport.Hold();
    }

    /// <summary>Lets held devices go on.</summary>
    public void Release()
    {
        foreach (var (_, transport) in _slots)
            transport.Release();
    }

    public void Reset()
    {
        foreach (var (_, transport) in _slots)
            transport.Reset();
    }

    /// <summary>Ends all I/O threads, each after the request at hand.</summary>
    public void End()
    {
        foreach (var (_, transport) in _slots)
            transport.End();
    }

    public void Dispose()
    {
        foreach (var (_, transport) in _slots)
            transport.Dispose();
    }

    private T Add<T>(int slot, T device)
        where T : VirtioDevice
    {
        _slots.Add((slot, new VirtioMmio(slot, device, _line(MemoryMap.VirtioSpi + slot), Events.Add)));
        return device;
    }
}
