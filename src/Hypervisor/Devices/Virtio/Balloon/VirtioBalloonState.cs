using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio.Balloon;

/// <summary>Everything that a <see cref="VirtioBalloon"/> remembers. Pages are of 4 KiB.</summary>
internal sealed record VirtioBalloonState
{
    /// <summary>Pages that the guest shall give up.</summary>
    public uint Target { get; init; }

    /// <summary>Pages that the guest says it has given up.</summary>
    public uint Actual { get; init; }

    /// <summary>Head of the statistics buffer that the driver wants back when new statistics are wanted; -1 for none.</summary>
    public int StatisticsHead { get; init; } = -1;

    public static VirtioBalloonState Load(StateReader reader)
    {
        var state = new VirtioBalloonState { Target = reader.ReadUInt32(), Actual = reader.ReadUInt32(), StatisticsHead = reader.ReadInt32() };
        return state.StatisticsHead is >= -1 and <= ushort.MaxValue
            ? state
            : throw new StateFormatException($"{state.StatisticsHead} is no descriptor of the statistics queue.");
    }

    public void Save(StateWriter writer)
    {
        writer.WriteUInt32(Target);
        writer.WriteUInt32(Actual);
        writer.WriteInt32(StatisticsHead);
    }
}
