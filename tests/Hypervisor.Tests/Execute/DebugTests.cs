using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>Software step, breakpoints and watchpoints for the guest's own use.</summary>
public sealed unsafe class DebugTests
{
    private const ulong Data = GuestProgram.Start + 0x10_0000;
    private const ulong StepEnable = 1;
    private const ulong KernelDebug = 1 << 13;
    private const ulong MonitorDebug = 1 << 15;
    private const ulong SpsrSs = 1 << 21;
    private const uint Eret = 0xd69f03e0;
    private const uint Nop = 0xd503201f;
    private const uint Svc0 = 0xd4000001;

    /// <summary>ERET with SPSR.SS set runs one instruction of EL0, then takes EC 0x32 with ISV set.</summary>
    [Theory]
    [InlineData(Nop, 0xcb00_0022)]
    [InlineData(0xc85f7c20, 0xcb00_0062)] // ldxr x0, [x1]: EX
    [InlineData(0x14000001, 0xcb00_0022)] // b .+4
    public void Step_runs_one_instruction(uint stepped, uint esr)
    {
        using var guest = Stepping(SpsrSs, Eret, stepped, Nop, Nop);
        guest.Cpu->X[1] = Data;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(esr, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 8, guest.Cpu->ElrEl1);
        Assert.Equal(0UL, guest.Cpu->SpsrEl1 & SpsrSs);
        Assert.Equal(guest.Cpu->VbarEl1 + 0x404, guest.Cpu->Pc);
    }

    [Fact]
    public void Return_without_ss_steps_at_once()
    {
        using var guest = Stepping(0, Eret, Nop);
        guest.Run();
        Assert.Equal(0xca00_0022U, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 4, guest.Cpu->ElrEl1);
    }

    /// <summary>A system call is an executed instruction: its SPSR has SS clear. A faulting load is not.</summary>
    [Theory]
    [InlineData(Svc0, 0x5600_0000U, 8UL, 0UL)]
    [InlineData(0xd4200000, 0xf200_0000U, 4UL, SpsrSs)] // brk #0
    public void Exceptions_of_the_stepped_instruction_come_first(uint stepped, uint esr, ulong returnOffset, ulong ss)
    {
        using var guest = Stepping(SpsrSs, Eret, stepped, Nop);
        guest.Run();
        Assert.Equal(esr, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + returnOffset, guest.Cpu->ElrEl1);
        Assert.Equal(ss, guest.Cpu->SpsrEl1 & SpsrSs);
    }

    [Fact]
    public void Os_lock_holds_back_debug_exceptions()
    {
        using var guest = Stepping(SpsrSs, Eret, Nop, Svc0);
        guest.Cpu->OslsrEl1 |= SelfHostedDebug.OslsrLocked;
        guest.Run();
        Assert.Equal(0x5600_0000U, (uint)guest.Cpu->EsrEl1);
    }

    [Fact]
    public void El1_steps_itself_only_with_kde_and_d_clear()
    {
        using var guest = new GuestProgram(Eret, Nop, Nop, GuestProgram.Hvc0);
        guest.StopAtVectors();
        guest.Cpu->MdscrEl1 = StepEnable | KernelDebug;
        guest.Cpu->ElrEl1 = GuestProgram.Start + 4;
        guest.Cpu->SpsrEl1 = SpsrSs | 5;
        guest.Run();
        Assert.Equal(0xce00_0022U | 1u << 24, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 8, guest.Cpu->ElrEl1);

        using var masked = new GuestProgram(Eret, Nop, Nop, GuestProgram.Hvc0);
        masked.StopAtVectors();
        masked.Cpu->MdscrEl1 = StepEnable | KernelDebug;
        masked.Cpu->ElrEl1 = GuestProgram.Start + 4;
        masked.Cpu->SpsrEl1 = SpsrSs | PState.D | 5;
        masked.Run();
        Assert.Equal(GuestProgram.Start + 16, masked.Cpu->Pc);
    }

    [Theory]
    [InlineData(0x1e5UL, 0, true)] // PMC 0b10, BAS 0b1111: EL0
    [InlineData(0x1e3UL, 0, false)] // PMC 0b01: EL1 only
    [InlineData(0x1e3UL, 1, true)]
    [InlineData(0x1e7UL, 1, true)]
    [InlineData(0x1e6UL, 0, false)] // not enabled
    public void Breakpoint_stops_before_its_instruction(ulong control, byte el, bool hits)
    {
        // nop; nop; add x0, x0, #1; svc #0
        using var guest = new GuestProgram(Nop, Nop, 0x91000400, Svc0);
        guest.StopAtVectors();
        guest.Cpu->El = el;
        guest.Cpu->Daif = 0;
        guest.Cpu->MdscrEl1 = MonitorDebug | KernelDebug;
        guest.Cpu->DbgBvr[3] = GuestProgram.Start + 8;
        guest.Cpu->DbgBcr[3] = control;
        guest.Run();
        var exceptionClass = hits ? 0x30u + el : 0x15;
        Assert.Equal(exceptionClass, (uint)guest.Cpu->EsrEl1 >> 26);
        Assert.Equal(hits ? 0UL : 1UL, guest.Cpu->X[0]);
        if (hits)
        {
            Assert.Equal(0x22u, (uint)guest.Cpu->EsrEl1 & 0x1ff_ffff);
            Assert.Equal(GuestProgram.Start + 8, guest.Cpu->ElrEl1);
        }
    }

    [Theory]
    [InlineData(5u, true)]
    [InlineData(6u, false)]
    public void Linked_breakpoint_needs_its_context(uint context, bool hits)
    {
        using var guest = new GuestProgram(Nop, Nop, Svc0);
        guest.StopAtVectors();
        guest.Cpu->El = 0;
        guest.Cpu->MdscrEl1 = MonitorDebug;
        guest.Cpu->ContextIdrEl1 = context;
        guest.Cpu->DbgBvr[0] = GuestProgram.Start + 4;
        guest.Cpu->DbgBcr[0] = 0x1e5 | 1 << 20 | 5 << 16; // linked to breakpoint 5
        guest.Cpu->DbgBvr[5] = 5;
        guest.Cpu->DbgBcr[5] = 0x1e7 | 3 << 20; // linked context ID
        guest.Run();
        Assert.Equal(hits ? 0x30u : 0x15u, (uint)guest.Cpu->EsrEl1 >> 26);
    }

    /// <summary>Which accesses of eight watched bytes stop, and what ESR and FAR say.</summary>
    [Theory]
    [InlineData(0xf9000023, 0UL, 0x1ff5UL, true, 0UL, true)] // str x3, [x1]; watch all 8 bytes, stores, EL0
    [InlineData(0xf9400020, 0UL, 0x1ff5UL, false, 0UL, false)] // ldr x0, [x1]: loads are not watched
    [InlineData(0xf9400020, 0UL, 0x1fedUL, true, 0UL, false)] // LSC = load
    [InlineData(0x39000023, 3UL, 0x0115UL, true, 3UL, true)] // strb w3, [x1]; BAS selects byte 3
    [InlineData(0x39000023, 4UL, 0x0115UL, false, 0UL, true)]
    [InlineData(0xf9000023, ulong.MaxValue - 1, 0x1ff5UL, true, 0UL, true)] // two bytes below: the lowest watched address
    [InlineData(0xf9000023, 0UL, 0x1ff3UL, false, 0UL, true)] // PAC 0b01: EL1 only
    [InlineData(0xf9000023, 0x700UL, 0x0b00_1ff5UL, true, 0x700UL, true)] // MASK = 11: 2 KiB
    [InlineData(0xf9000023, 0x800UL, 0x0b00_1ff5UL, false, 0UL, true)]
    public void Watchpoint_stops_matching_accesses(uint word, ulong offset, ulong control, bool hits, ulong farOffset, bool isWrite)
    {
        using var guest = Watching(word, control);
        guest.Cpu->X[1] = Data + offset;
        guest.Cpu->X[3] = 0x55;
        guest.Run();
        Assert.Equal(hits ? 0x34u : 0x15u, (uint)guest.Cpu->EsrEl1 >> 26);
        if (!hits)
            return;
        Assert.Equal(isWrite ? 0x62u : 0x22u, (uint)guest.Cpu->EsrEl1 & 0x1ff_ffff);
        Assert.Equal(Data + farOffset, guest.Cpu->FarEl1);
        Assert.Equal(GuestProgram.Start, guest.Cpu->ElrEl1);
        Assert.Equal(0, guest.Read(Data + offset, 1)[0]);
    }

    /// <summary>A page that the TLB already holds is watched from the moment that the watchpoint is set.</summary>
    [Fact]
    public void Watchpoint_reaches_pages_in_the_tlb()
    {
        // str x3, [x1]; hvc #0; str x3, [x1]; hvc #0
        using var guest = new GuestProgram(0xf9000023, GuestProgram.Hvc0, 0xf9000023, GuestProgram.Hvc0);
        guest.MapIdentity();
        guest.StopAtVectors();
        guest.Cpu->Daif = 0;
        guest.Cpu->X[1] = Data;
        guest.Run();
        guest.Cpu->MdscrEl1 = MonitorDebug | KernelDebug;
        guest.Cpu->DbgWvr[1] = Data;
        guest.Cpu->DbgWcr[1] = 0x1ff7;
        guest.Run();
        Assert.Equal(0xd600_0062U, (uint)guest.Cpu->EsrEl1);

        // And no longer once it is off.
        guest.Cpu->DbgWcr[1] = 0;
        guest.Cpu->Pc = GuestProgram.Start + 8;
        guest.Run();
        Assert.Equal(GuestProgram.Start + 16, guest.Cpu->Pc);
    }

    private static GuestProgram Stepping(ulong spsr, params ReadOnlySpan<uint> words)
    {
        var guest = new GuestProgram(words);
        guest.StopAtVectors();
        guest.Cpu->MdscrEl1 = StepEnable;
        guest.Cpu->ElrEl1 = GuestProgram.Start + 4;
        guest.Cpu->SpsrEl1 = spsr;
        return guest;
    }

    /// <summary>EL0 that executes <paramref name="word"/> and SVC on memory where unaligned accesses are fine.</summary>
    private static GuestProgram Watching(uint word, ulong control)
    {
        const ulong UserBlock = GuestProgram.Start | 0b01 | 1 << 10 | 1 << 6;
        var guest = new GuestProgram(word, Svc0);
        guest.MapIdentity();
        guest.Write(GuestProgram.Tables + 8, (uint)UserBlock, 0);

        // The vector is not executable by EL1 in a page that EL0 can write, so the fetch there ends the run.
        guest.Write(GuestProgram.Tables, (uint)GuestProgram.Start | 0b01 | 1 << 10, 0);
        guest.StopAtVectors();
        guest.Cpu->VbarEl1 -= GuestProgram.Start;
        guest.Cpu->El = 0;
        guest.Cpu->MdscrEl1 = MonitorDebug;
        guest.Cpu->DbgWvr[2] = Data;
        guest.Cpu->DbgWcr[2] = control;
        return guest;
    }
}
