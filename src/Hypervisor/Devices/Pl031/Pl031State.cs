using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Pl031;

/// <summary>Everything that a <see cref="Pl031"/> remembers.</summary>
internal sealed record Pl031State
{
    /// <summary>Seconds that the guest's clock is ahead of UTC.</summary>
    public long OffsetSeconds { get; set; }

    public uint Load { get; set; }

    public uint Match { get; set; }

    public bool InterruptEnabled { get; set; }

    public bool RawInterrupt { get; set; }

    /// <summary>Whether a match is still to come; false until one is written.</summary>
    public bool Armed { get; set; }

    public static Pl031State LoadFrom(StateReader reader) => new()
    {
        OffsetSeconds = reader.ReadInt64(),
        Load = reader.ReadUInt32(),
        Match = reader.ReadUInt32(),
        InterruptEnabled = reader.ReadBoolean(),
        RawInterrupt = reader.ReadBoolean(),
        Armed = reader.ReadBoolean(),
    };

    public void Save(StateWriter writer)
    {
        writer.WriteInt64(OffsetSeconds);
        writer.WriteUInt32(Load);
        writer.WriteUInt32(Match);
        writer.WriteBoolean(InterruptEnabled);
        writer.WriteBoolean(RawInterrupt);
        writer.WriteBoolean(Armed);
    }
}
