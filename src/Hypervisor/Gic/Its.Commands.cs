namespace CloudVm.Hypervisor.Gic;

/// <summary>The commands, after the pseudocode of Arm IHI 0069, section 5.3.</summary>
public sealed partial class Its
{
    private enum Command : byte
    {
        Movi = 0x01,
        Int = 0x03,
        Clear = 0x04,
        Sync = 0x05,
        Mapd = 0x08,
        Mapc = 0x09,
        Mapti = 0x0a,
        Mapi = 0x0b,
        Inv = 0x0c,
        Invall = 0x0d,
        Movall = 0x0e,
        Discard = 0x0f,
    }

    /// <summary>Carries out one command; false if it names something that does not exist.</summary>
    private bool TryExecute(ReadOnlySpan<ulong> command)
    {
        var device = (uint)(command[0] >> 32);
        var eventId = (uint)command[1];
        var collection = (uint)command[2] & 0xffff;
        return (Command)command[0] switch
        {
            Command.Mapd => TryMapDevice(device, command[1], command[2]),
            Command.Mapc => TryMapCollection(command[2]),
            Command.Mapti => TryMapEvent(device, eventId, (uint)(command[1] >> 32), collection),
            Command.Mapi => TryMapEvent(device, eventId, eventId, collection),
            Command.Movi => TryMoveEvent(device, eventId, collection),
            Command.Movall => TryMoveAll(command[2], command[3]),
            Command.Int => TryInterrupt(device, eventId),
            Command.Clear => TryClear(device, eventId, out _),
            Command.Discard => TryDiscard(device, eventId),
            Command.Inv => TryInvalidate(device, eventId),
            Command.Invall => TryInvalidateAll(collection),
            Command.Sync => true, // every command has taken effect when the next one begins
            _ => false,
        };
    }

    private bool TryMapDevice(uint deviceId, ulong size, ulong table)
    {
        if (deviceId >> DeviceBits != 0 || !TryFindEntry(_deviceTable, deviceId, out var address))
            return false;
        if ((table & EntryValid) == 0)
            return TryWriteWord(address, 0);
        var bits = size & 0x1f;
        return bits < EventBits && TryWriteWord(address, EntryValid | (table & TranslationAddress) | bits);
    }

    private bool TryMapCollection(ulong word)
    {
        if (!TryFindEntry(_collectionTable, word & 0xffff, out var address))
            return false;
        if ((word & EntryValid) == 0)
            return TryWriteWord(address, 0);
        var cpu = RedistributorOf(word);
        return cpu < (uint)_gic.CpuCount && TryWriteWord(address, EntryValid | cpu);
    }

    private bool TryMapEvent(uint deviceId, uint eventId, uint intId, uint collection) =>
        TryFindDevice(deviceId, out var device) && eventId < device.Events
        && intId is >= GicV3.FirstLpi and < GicV3.IntIdLimit
        && TryFindEntry(_collectionTable, collection, out _)
        && TryWriteEvent(device.Table + (eventId * EntryBytes), new Translation((int)intId, collection));

    private bool TryMoveEvent(uint deviceId, uint eventId, uint collection)
    {
        if (!TryFindDevice(deviceId, out var device) || !TryReadEvent(device, eventId, out var address, out var translation)
            || !TryReadCollection(collection, out var to) || !TryWriteEvent(address, translation with { Collection = collection }))
            return false;
        if (TryReadCollection(translation.Collection, out var from) && from != to && _gic.ClearLpiPending(from, translation.IntId))
            _gic.SetLpiPending(to, translation.IntId);
        return true;
    }

    private bool TryMoveAll(ulong from, ulong to)
    {
        if (RedistributorOf(from) >= (uint)_gic.CpuCount || RedistributorOf(to) >= (uint)_gic.CpuCount)
            return false;
        _gic.MoveAllLpis((int)RedistributorOf(from), (int)RedistributorOf(to));
        return true;
    }

    private bool TryClear(uint deviceId, uint eventId, out ulong address)
    {
        address = 0;
        if (!TryFindDevice(deviceId, out var device) || !TryReadEvent(device, eventId, out address, out var translation)
            || !TryReadCollection(translation.Collection, out var cpu))
            return false;
        _gic.ClearLpiPending(cpu, translation.IntId);
        return true;
    }

    private bool TryDiscard(uint deviceId, uint eventId) =>
        TryClear(deviceId, eventId, out var address) && TryWriteWord(address, 0);

    private bool TryInvalidate(uint deviceId, uint eventId)
    {
        if (!TryFindDevice(deviceId, out var device) || !TryReadEvent(device, eventId, out _, out var translation)
            || !TryReadCollection(translation.Collection, out var cpu))
            return false;
        _gic.ReloadLpis(cpu);
        return true;
    }

    private bool TryInvalidateAll(uint collection)
    {
        if (!TryReadCollection(collection, out var cpu))
            return false;
        _gic.ReloadLpis(cpu);
        return true;
    }

    /// <summary>RDbase with GITS_TYPER.PTA = 0: the PE's number, in bits 51:16 of the command's word.</summary>
    private static ulong RedistributorOf(ulong word) => (word >> 16) & 0xf_ffff_ffff;
}
