using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>Everything that a <see cref="VirtioMmio"/> remembers besides its queues and its device.</summary>
internal sealed record VirtioMmioState
{
    public uint DeviceFeaturesSel { get; set; }

    public uint DriverFeaturesSel { get; set; }

    public ulong DriverFeatures { get; set; }

    public uint QueueSel { get; set; }

    public byte Status { get; set; }

    public uint InterruptStatus { get; set; }

    public uint ConfigGeneration { get; set; }

    public static VirtioMmioState Load(StateReader reader) => new()
    {
        DeviceFeaturesSel = reader.ReadUInt32(),
        DriverFeaturesSel = reader.ReadUInt32(),
        DriverFeatures = reader.ReadUInt64(),
        QueueSel = reader.ReadUInt32(),
        Status = reader.ReadByte(),
        InterruptStatus = reader.ReadUInt32(),
        ConfigGeneration = reader.ReadUInt32(),
    };

    public void Save(StateWriter writer)
    {
        writer.WriteUInt32(DeviceFeaturesSel);
        writer.WriteUInt32(DriverFeaturesSel);
        writer.WriteUInt64(DriverFeatures);
        writer.WriteUInt32(QueueSel);
        writer.WriteByte(Status);
        writer.WriteUInt32(InterruptStatus);
        writer.WriteUInt32(ConfigGeneration);
    }
}
