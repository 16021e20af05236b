namespace CloudVm.Hypervisor.Cpu;

/// <summary>
/// Self-hosted debug of EL1 and EL0: when debug exceptions may be taken, and what breakpoints and watchpoints match (pseudocode
/// AArch64.GenerateDebugExceptionsFrom, AArch64.BreakpointMatch, AArch64.WatchpointMatch). The machine is Non-secure, without EL2 of
/// its own.
/// </summary>
public static unsafe class SelfHostedDebug
{
    /// <summary>Breakpoints that exist; ID_AA64DFR0_EL1.BRPs is one less.</summary>
    public const int BreakpointCount = 6;

    /// <summary>Watchpoints that exist; ID_AA64DFR0_EL1.WRPs is one less.</summary>
    public const int WatchpointCount = 4;

    /// <summary>OSLSR_EL1 after reset: the OS lock is implemented, and open.</summary>
    public const ulong OslsrReset = 8;

    /// <summary>OSLSR_EL1.OSLK.</summary>
    public const ulong OslsrLocked = 2;

    public const ulong MdscrSoftwareStep = 1;
    public const ulong MdscrKernelDebug = 1UL << 13;
    public const ulong MdscrMonitorDebug = 1UL << 15;

    /// <summary>The only context-aware breakpoint is the last one: ID_AA64DFR0_EL1.CTX_CMPs is 0.</summary>
    private const int ContextBreakpoint = BreakpointCount - 1;

    private const ulong Enable = 1;
    private const ulong InstructionBits = 0x0001_ffff_ffff_fffc;
    private const ulong WithoutTopByte = 0x00ff_ffff_ffff_ffff;

    /// <summary>Whether code at <paramref name="el"/> with the given PSTATE.D can take a debug exception to EL1.</summary>
    public static bool AreExceptionsEnabled(CpuState* cpu, int el, bool masked)
    {
        if ((cpu->OslsrEl1 & OslsrLocked) != 0)
            return false;
        return el == 0 || ((cpu->MdscrEl1 & MdscrKernelDebug) != 0 && !masked);
    }

    /// <summary>Whether any breakpoint is switched on, whatever it matches.</summary>
    public static bool HasBreakpoints(CpuState* cpu)
    {
        ulong controls = 0;
        for (var n = 0; n < BreakpointCount; n++)
            controls |= cpu->DbgBcr[n];
        return (cpu->MdscrEl1 & MdscrMonitorDebug) != 0 && (controls & Enable) != 0;
    }

    /// <summary>Whether any watchpoint is switched on, whatever it matches.</summary>
    public static bool HasWatchpoints(CpuState* cpu)
    {
        ulong controls = 0;
        for (var n = 0; n < WatchpointCount; n++)
            controls |= cpu->DbgWcr[n];
        return (cpu->MdscrEl1 & MdscrMonitorDebug) != 0 && (cpu->OslsrEl1 & OslsrLocked) == 0 && (controls & Enable) != 0;
    }

    /// <summary>Whether a breakpoint matches the instruction at <paramref name="pc"/> at the current EL.</summary>
    public static bool MatchesBreakpoint(CpuState* cpu, ulong pc)
    {
        for (var n = 0; n < BreakpointCount; n++)
        {
            var control = cpu->DbgBcr[n];
            if ((control & Enable) == 0 || !MatchesState(cpu, control, cpu->El))
                continue;
            var matches = (control >> 20 & 15) switch
            {
                0b0000 or 0b0001 => (pc & InstructionBits) == (cpu->DbgBvr[n] & InstructionBits) && MatchesLink(cpu, control),
                0b0010 => n == ContextBreakpoint && MatchesContext(cpu, n),
                _ => false,
            };
            if (matches)
                return true;
        }

        return false;
    }

    /// <summary>
    /// Whether a watchpoint matches the access; <paramref name="address"/> is then the lowest watched address in it, for FAR.
    /// </summary>
    /// <param name="el">The privilege of the access, which is EL0 for an unprivileged one by EL1.</param>
    public static bool MatchesWatchpoint(CpuState* cpu, ulong va, int length, bool isWrite, int el, out ulong address)
    {
        address = 0;
        for (var n = 0; n < WatchpointCount; n++)
        {
            var control = cpu->DbgWcr[n];
            if ((control & Enable) == 0 || (control >> (isWrite ? 4 : 3) & 1) == 0 || !MatchesState(cpu, control, el))
                continue;
            var isLinked = (control >> 20 & 1) != 0;
            if (isLinked && !MatchesLinkedContext(cpu, (int)(control >> 16 & 15)))
                continue;
            if (MatchesBytes(cpu->DbgWvr[n], control, va, length, out address))
                return true;
        }

        return false;
    }

    /// <summary>Whether a watchpoint that is switched on watches anything in the 4 KiB page of <paramref name="va"/>.</summary>
    public static bool MayWatchPage(CpuState* cpu, ulong va)
    {
        const int PageShift = 12;
        for (var n = 0; n < WatchpointCount; n++)
        {
            if ((cpu->DbgWcr[n] & Enable) == 0)
                continue;
            var shift = Math.Max(MaskOf(cpu->DbgWcr[n]), PageShift);
            if ((va & WithoutTopByte) >> shift == (cpu->DbgWvr[n] & WithoutTopByte) >> shift)
                return true;
        }

        return false;
    }

    /// <summary>log2 of the watched bytes when MASK says so; 3 for byte address select.</summary>
    private static int MaskOf(ulong control)
    {
        var mask = (int)(control >> 24 & 31);
        return mask < 3 ? 3 : mask;
    }

    private static bool MatchesBytes(ulong value, ulong control, ulong va, int length, out ulong address)
    {
        var shift = MaskOf(control);
        var first = value & WithoutTopByte & ~((1UL << shift) - 1);
        var start = va & WithoutTopByte;
        var select = (uint)(control >> 5 & 0xff);
        address = 0;
        if (shift > 3)
        {
            // With a mask, all bytes must be selected.
            if (select != 0xff || start + (ulong)length <= first || start >= first + (1UL << shift))
                return false;
            address = va + (start < first ? first - start : 0);
            return true;
        }

        // A word-aligned DBGWVR selects among its four bytes only.
        if ((value & 4) != 0)
            select = (select & 15) << 4;
        for (var i = 0; i < 8; i++)
        {
            var watched = first + (ulong)i;
            if ((select >> i & 1) == 0 || watched < start || watched - start >= (ulong)length)
                continue;
            address = va + (watched - start);
            return true;
        }

        return false;
    }

    /// <summary>Pseudocode StateMatch: security state control, higher mode control, privileged access control.</summary>
    private static bool MatchesState(CpuState* cpu, ulong control, int el)
    {
        var security = control >> 14 & 3;
        var higher = (control >> 13 & 1) != 0;
        var privilege = control >> 1 & 3;
        if (security == 2 || (security == 3 && !higher && (privilege & 1) == 0))
            return false;
        return el == 0 ? (privilege & 2) != 0 : (privilege & 1) != 0;
    }

    private static bool MatchesLink(CpuState* cpu, ulong control) =>
        (control >> 20 & 1) == 0 || MatchesLinkedContext(cpu, (int)(control >> 16 & 15));

    private static bool MatchesLinkedContext(CpuState* cpu, int linked) =>
        linked == ContextBreakpoint && (cpu->DbgBcr[linked] & Enable) != 0 && (cpu->DbgBcr[linked] >> 20 & 15) == 0b0011
        && MatchesContext(cpu, linked);

    private static bool MatchesContext(CpuState* cpu, int n) => (uint)cpu->DbgBvr[n] == (uint)cpu->ContextIdrEl1;
}
