using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>Everything that a <see cref="Virtqueue"/> remembers.</summary>
internal sealed record VirtqueueState
{
    /// <summary>Entries, a power of two.</summary>
    public ushort Size { get; set; }

    public bool Ready { get; set; }

    /// <summary>Guest physical address of the descriptor table.</summary>
    public ulong Descriptors { get; set; }

    /// <summary>Guest physical address of the available ring.</summary>
    public ulong Driver { get; set; }

    /// <summary>Guest physical address of the used ring.</summary>
    public ulong Device { get; set; }

    /// <summary>Index of the next available entry to take, modulo 2^16.</summary>
    public ushort NextAvailable { get; set; }

    /// <summary>Index of the next used entry to write, modulo 2^16.</summary>
    public ushort NextUsed { get; set; }

    /// <summary>The used index when an interrupt was last considered.</summary>
    public ushort ConsideredUsed { get; set; }

    public static VirtqueueState Load(StateReader reader) => new()
    {
        Size = (ushort)reader.ReadUInt32(),
        Ready = reader.ReadBoolean(),
        Descriptors = reader.ReadUInt64(),
        Driver = reader.ReadUInt64(),
        Device = reader.ReadUInt64(),
        NextAvailable = (ushort)reader.ReadUInt32(),
        NextUsed = (ushort)reader.ReadUInt32(),
        ConsideredUsed = (ushort)reader.ReadUInt32(),
    };

    public void Save(StateWriter writer)
    {
        writer.WriteUInt32(Size);
        writer.WriteBoolean(Ready);
        writer.WriteUInt64(Descriptors);
        writer.WriteUInt64(Driver);
        writer.WriteUInt64(Device);
        writer.WriteUInt32(NextAvailable);
        writer.WriteUInt32(NextUsed);
        writer.WriteUInt32(ConsideredUsed);
    }
}
