using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Gic;

/// <summary>Saved state: the registers. Devices, events and collections are in guest memory, pending LPIs in the GIC's section.</summary>
public sealed partial class Its : ISnapshottable
{
    /// <inheritdoc/>
    public string SectionName => "its";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_gate)
        {
            writer.WriteBoolean(_enabled);
            writer.WriteUInt64(_commandBase);
            writer.WriteUInt64(_commandWriter);
            writer.WriteUInt64(_commandReader);
            writer.WriteUInt64(_deviceTable);
            writer.WriteUInt64(_collectionTable);
        }
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        var enabled = reader.ReadBoolean();
        var commandBase = reader.ReadUInt64() & CommandBaseBits;
        var commandWriter = reader.ReadUInt64() & CommandOffsetBits;
        var commandReader = reader.ReadUInt64() & CommandOffsetBits;
        var deviceTable = (reader.ReadUInt64() & ~TableFixedBits) | DeviceTableReset;
        var collectionTable = (reader.ReadUInt64() & ~TableFixedBits) | CollectionTableReset;
        return () =>
        {
            lock (_gate)
            {
                _enabled = enabled;
                _commandBase = commandBase;
                _commandWriter = commandWriter;
                _commandReader = commandReader;
                _deviceTable = deviceTable;
                _collectionTable = collectionTable;
            }
        };
    }
}
