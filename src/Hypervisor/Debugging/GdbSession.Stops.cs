using CloudVm.Hypervisor.Execute;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>Breakpoints and watchpoints. All are the engine's: guest memory and the guest's debug registers stay as they are.</summary>
internal sealed partial class GdbSession
{
    private const int MaxBreakpoints = 4096;
    private const int MaxWatchpoints = 64;

    /// <summary>Longest range that one watchpoint covers, in bytes.</summary>
    private const ulong MaxWatchedBytes = 1 << 20;

    private readonly HashSet<ulong> _softwareBreakpoints = [];
    private readonly HashSet<ulong> _hardwareBreakpoints = [];
    private readonly List<(DebugWatchpoint Range, WatchKind Kind)> _watchpoints = [];

    private enum WatchKind
    {
        Write = 2,
        Read = 3,
        Access = 4,
    }

    /// <summary>Z and z: <c>type,address,kind</c>. Setting what is set and removing what is not changes nothing.</summary>
    private string ChangeStop(ReadOnlySpan<byte> request, bool isInsert)
    {
        var type = GdbText.Cut(ref request, ',');
        var at = GdbText.Cut(ref request, ',');
        if (!GdbText.TryParseHex(type, out int number) || !GdbText.TryParseHex(at, out ulong address)
            || !GdbText.TryParseHex(request, out ulong length))
            return Malformed;
        return number switch
        {
            0 => ChangeBreakpoint(_softwareBreakpoints, address, isInsert),
            1 => ChangeBreakpoint(_hardwareBreakpoints, address, isInsert),
            2 or 3 or 4 => ChangeWatchpoint((WatchKind)number, address, length, isInsert),
            _ => Unknown,
        };
    }

    private static string ChangeBreakpoint(HashSet<ulong> breakpoints, ulong address, bool isInsert)
    {
        if (!isInsert)
            breakpoints.Remove(address);
        else if ((address & 3) != 0 || breakpoints.Count >= MaxBreakpoints)
            return Malformed;
        else
            breakpoints.Add(address);
        return Ok;
    }

    private string ChangeWatchpoint(WatchKind kind, ulong address, ulong length, bool isInsert)
    {
        if (length is 0 or > MaxWatchedBytes)
            return Malformed;
        var watchpoint = (new DebugWatchpoint(address, length, kind != WatchKind.Write, kind != WatchKind.Read), kind);
        if (!isInsert)
            _watchpoints.Remove(watchpoint);
        else if (_watchpoints.Contains(watchpoint))
            return Ok;
        else if (_watchpoints.Count >= MaxWatchpoints)
            return Malformed;
        else
            _watchpoints.Add(watchpoint);
        return Ok;
    }
}
