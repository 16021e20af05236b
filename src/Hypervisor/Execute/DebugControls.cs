namespace CloudVm.Hypervisor.Execute;

/// <summary>A range of virtual addresses whose accesses stop the guest before they happen. Compared without the top byte.</summary>
/// <param name="Address">First watched byte.</param>
/// <param name="Length">Watched bytes; not 0.</param>
public readonly record struct DebugWatchpoint(ulong Address, ulong Length, bool OnRead, bool OnWrite);

/// <summary>
/// Where a debugger outside the guest wants a vCPU stopped. It is not in guest memory and not in the guest's debug registers, so
/// neither the guest nor a snapshot sees it. Immutable.
/// </summary>
public sealed class DebugControls
{
    /// <summary>Nothing stops the guest.</summary>
    public static readonly DebugControls None = new([], []);

    private const ulong PageOffset = 0xfff;
    private const ulong PageMask = ~PageOffset;
    private const ulong WithoutTopByte = 0x00ff_ffff_ffff_ffff;

    private readonly HashSet<ulong> _breakpoints;
    private readonly HashSet<ulong> _breakpointOffsets;
    private readonly DebugWatchpoint[] _watchpoints;

    /// <param name="breakpoints">Virtual addresses of instructions to stop before.</param>
    /// <param name="watchpoints">Data to watch.</param>
    public DebugControls(IEnumerable<ulong> breakpoints, IEnumerable<DebugWatchpoint> watchpoints)
    {
        _breakpoints = [.. breakpoints.Select(static address => address & WithoutTopByte)];
        _breakpointOffsets = [.. _breakpoints.Select(static address => address & PageOffset)];
        _watchpoints = [.. watchpoints];
    }

    internal bool HasWatchpoints => _watchpoints.Length != 0;

    /// <summary>
    /// Whether an instruction at this address, physical or virtual, may have a breakpoint: translation keeps the offset in the page, which
    /// is all that decoded code knows of its virtual address.
    /// </summary>
    internal bool MayBreakAt(ulong address) => _breakpointOffsets.Contains(address & PageOffset);

    internal bool BreaksAt(ulong pc) => _breakpoints.Contains(pc & WithoutTopByte);

    /// <summary>Whether anything in the 4 KiB page of <paramref name="va"/> is watched.</summary>
    internal bool MayWatchPage(ulong va)
    {
        var page = va & PageMask & WithoutTopByte;
        foreach (ref readonly var watchpoint in _watchpoints.AsSpan())
        {
            var first = watchpoint.Address & WithoutTopByte;
            if (first <= page + PageOffset && first + (watchpoint.Length - 1) >= page)
                return true;
        }

        return false;
    }

    /// <summary>Whether an access is watched; <paramref name="address"/> is then its first byte that is.</summary>
    internal bool Watches(ulong va, int length, bool isWrite, out ulong address)
    {
        var start = va & WithoutTopByte;
        foreach (ref readonly var watchpoint in _watchpoints.AsSpan())
        {
            var first = watchpoint.Address & WithoutTopByte;
            if (!(isWrite ? watchpoint.OnWrite : watchpoint.OnRead)
                || first > start + (ulong)(length - 1) || first + (watchpoint.Length - 1) < start)
                continue;
            address = va + (first > start ? first - start : 0);
            return true;
        }

        address = 0;
        return false;
    }

    internal bool HasSameBreakpoints(DebugControls other) => _breakpoints.SetEquals(other._breakpoints);

    internal bool HasSameWatchpoints(DebugControls other) => _watchpoints.AsSpan().SequenceEqual(other._watchpoints);
}
