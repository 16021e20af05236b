using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio.Block;

/// <summary>Everything that a <see cref="VirtioBlock"/> remembers; the disk's content is saved elsewhere.</summary>
internal sealed record VirtioBlockState
{
    /// <summary>The driver's cache mode: true when it flushes, false when every write is to be durable at once.</summary>
    public bool Writeback { get; set; } = true;

    public static VirtioBlockState Load(StateReader reader) => new() { Writeback = reader.ReadBoolean() };

    public void Save(StateWriter writer) => writer.WriteBoolean(Writeback);
}
