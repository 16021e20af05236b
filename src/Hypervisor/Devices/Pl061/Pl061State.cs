using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Pl061;

/// <summary>Everything that a <see cref="Pl061"/> remembers, one bit per line.</summary>
internal sealed record Pl061State
{
    public byte Output { get; set; }

    public byte Input { get; set; }

    public byte Direction { get; set; }

    public byte LevelSense { get; set; }

    public byte BothEdges { get; set; }

    public byte Event { get; set; }

    public byte Mask { get; set; }

    /// <summary>Edges seen; levels are computed.</summary>
    public byte Edges { get; set; }

    public byte AlternateFunction { get; set; }

    public static Pl061State Load(StateReader reader) => new()
    {
        Output = reader.ReadByte(),
        Input = reader.ReadByte(),
        Direction = reader.ReadByte(),
        LevelSense = reader.ReadByte(),
        BothEdges = reader.ReadByte(),
        Event = reader.ReadByte(),
        Mask = reader.ReadByte(),
        Edges = reader.ReadByte(),
        AlternateFunction = reader.ReadByte(),
    };

    public void Save(StateWriter writer) =>
        writer.WriteBytes([Output, Input, Direction, LevelSense, BothEdges, Event, Mask, Edges, AlternateFunction]);
}
