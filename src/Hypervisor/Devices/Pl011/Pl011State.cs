using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Pl011;

/// <summary>Everything that a <see cref="Pl011"/> remembers.</summary>
internal sealed record Pl011State
{
    public uint Ilpr { get; set; }

    public uint Ibrd { get; set; }

    public uint Fbrd { get; set; }

    public uint LineControl { get; set; }

    public uint Control { get; set; } = Pl011Registers.CrTxEnable | Pl011Registers.CrRxEnable;

    /// <summary>IFLS: both triggers at half.</summary>
    public uint FifoLevels { get; set; } = 0x12;

    public uint InterruptMask { get; set; }

    public uint RawInterrupts { get; set; }

    public uint DmaControl { get; set; }

    /// <summary>Received bytes: those in the FIFO first, then those still on the line.</summary>
    public byte[] Received { get; init; } = [];

    /// <summary>How many of <see cref="Received"/> are in the FIFO.</summary>
    public int FifoCount { get; init; }

    public static Pl011State Load(StateReader reader)
    {
        var state = new Pl011State
        {
            Ilpr = reader.ReadUInt32(),
            Ibrd = reader.ReadUInt32(),
            Fbrd = reader.ReadUInt32(),
            LineControl = reader.ReadUInt32(),
            Control = reader.ReadUInt32(),
            FifoLevels = reader.ReadUInt32(),
            InterruptMask = reader.ReadUInt32(),
            RawInterrupts = reader.ReadUInt32(),
            DmaControl = reader.ReadUInt32(),
            FifoCount = reader.ReadInt32(),
            Received = reader.ReadCounted(Pl011.MaxQueuedInput).ToArray(),
        };
        if (state.FifoCount < 0 || state.FifoCount > Math.Min(Pl011.FifoDepth, state.Received.Length))
            throw new StateFormatException($"Section pl011: {state.FifoCount} bytes cannot be in the receive FIFO.");
        return state;
    }

    public void Save(StateWriter writer)
    {
        writer.WriteUInt32(Ilpr);
        writer.WriteUInt32(Ibrd);
        writer.WriteUInt32(Fbrd);
        writer.WriteUInt32(LineControl);
        writer.WriteUInt32(Control);
        writer.WriteUInt32(FifoLevels);
        writer.WriteUInt32(InterruptMask);
        writer.WriteUInt32(RawInterrupts);
        writer.WriteUInt32(DmaControl);
        writer.WriteInt32(FifoCount);
        writer.WriteCounted(Received);
    }
}
