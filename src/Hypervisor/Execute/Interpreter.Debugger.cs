using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Stops for a debugger outside the guest. Instructions that may have a breakpoint are decoded to <see cref="MayBreak"/>, pages with a
/// watchpoint are kept out of the TLB's fast path; without a debugger there is nothing of it in decoded code or in the dispatch loop.
/// </summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>Stands in a fault for an access that the debugger watches; no status code of the architecture has this value.</summary>
    private const byte WatchedByDebugger = 0xff;

    /// <summary>Null while nobody wants a stop.</summary>
    private DebugControls? _debugger;

    public void SetDebugControls(DebugControls controls)
    {
        var before = _debugger ?? DebugControls.None;
        _debugger = ReferenceEquals(controls, DebugControls.None) ? null : controls;
        if (!controls.HasSameBreakpoints(before))
            DropBlocks();
        if (!controls.HasSameWatchpoints(before))
            FlushTranslations();
    }

    /// <summary>Stands in decoded code for an instruction whose place in its page has a breakpoint at some virtual address.</summary>
    private static StepResult MayBreak(Interpreter c, uint word)
    {
        if (c.StopsAtBreakpoint())
            return StepResult.Exit;
        return HandlerTable.Entries[(int)c.DecodeGated(word)](c, word);
    }

    /// <summary>Whether the debugger wants a stop before the instruction at PC; the exit is then filled.</summary>
    private bool StopsAtBreakpoint()
    {
        if (_debugger is not { } debugger || !debugger.BreaksAt(Cpu->Pc))
            return false;
        LeaveRun(ExitReason.Debug, 0);
        Cpu->Exit.Far = Cpu->Pc;
        return true;
    }

    private bool IsWatchedByDebugger(ulong va, int length, AccessKind kind, ref MmuFault fault)
    {
        if (!_debugger!.Watches(va, length, kind == AccessKind.Write, out var address))
            return false;
        fault.Address = address;
        fault.Status = WatchedByDebugger;
        return true;
    }

    private void LeaveForWatchpoint(in MmuFault fault)
    {
        FaultResult = LeaveRun(ExitReason.Debug, 0);
        Cpu->Exit.Far = fault.Address;
        Cpu->Exit.IsWrite = fault.IsWrite;
        Cpu->Exit.SyndromeValid = true;
    }
}
