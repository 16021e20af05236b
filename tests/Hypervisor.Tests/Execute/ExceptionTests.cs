using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Tests.Execute;

public sealed unsafe class ExceptionTests
{
    private const uint Eret = 0xd69f03e0;

    [Theory]
    [InlineData(0xd4024681, 0x5600_1234, 4)] // svc #0x1234
    [InlineData(0xd42000e0, 0xf200_0007, 0)] // brk #7
    public void Takes_the_exception_with_syndrome_and_preferred_return(uint word, ulong esr, ulong returnOffset)
    {
        using var guest = new GuestProgram(word);
        guest.StopAtVectors();
        guest.Cpu->Nzcv = 0x6000_0000;
        guest.Cpu->Daif = PState.I;
        guest.Run();
        Assert.Equal(esr, guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + returnOffset, guest.Cpu->ElrEl1);
        Assert.Equal(0x6000_0085UL, guest.Cpu->SpsrEl1);
        Assert.Equal(PState.DaifMask, guest.Cpu->Daif);
        Assert.Equal(guest.Cpu->VbarEl1 + 0x204, guest.Cpu->Pc);
    }

    [Theory]
    [InlineData(0, 0, 0x400)]
    [InlineData(1, 0, 0x000)]
    [InlineData(1, 1, 0x200)]
    public void Vector_depends_on_where_the_exception_comes_from(byte el, byte spSel, ulong vector)
    {
        using var guest = new GuestProgram(0xd4000001);
        guest.StopAtVectors();
        guest.Cpu->El = el;
        guest.Cpu->SpSel = spSel;
        guest.Run();
        Assert.Equal(guest.Cpu->VbarEl1 + vector + 4, guest.Cpu->Pc);
        Assert.Equal(1, guest.Cpu->El);
        Assert.Equal(1, guest.Cpu->SpSel);
    }

    [Fact]
    public void Returns_to_el0_with_its_stack_pointer_and_flags()
    {
        // eret; at the target: add x0, sp, #0; svc #0
        using var guest = new GuestProgram(Eret, 0x910003e0, 0xd4000001);
        guest.StopAtVectors();
        guest.Cpu->ElrEl1 = GuestProgram.Start + 4;
        guest.Cpu->SpsrEl1 = 0xf000_0000;
        guest.Cpu->Sp[0] = 0x1110;
        guest.Cpu->Sp[1] = 0x2220;
        guest.Run();
        Assert.Equal(0x1110UL, guest.Cpu->X[0]);
        Assert.Equal(0xf000_0000UL, guest.Cpu->SpsrEl1);
    }

    [Theory]
    [InlineData(0x8UL)] // EL2t
    [InlineData(0x10UL)] // AArch32 user
    [InlineData(0x1UL)] // EL0 with SP_EL1
    public void Illegal_return_keeps_the_level_and_faults_at_the_target(ulong mode)
    {
        using var guest = new GuestProgram(Eret);
        guest.StopAtVectors();
        guest.Cpu->ElrEl1 = GuestProgram.Start + 0x40;
        guest.Cpu->SpsrEl1 = 0x2000_0000 | mode;
        guest.Run();
        Assert.Equal(0x3a00_0000UL, guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 0x40, guest.Cpu->ElrEl1);
        Assert.Equal(0x2010_0005UL, guest.Cpu->SpsrEl1);
    }

    [Fact]
    public void Misaligned_branch_target_is_a_pc_alignment_fault()
    {
        // br x0
        using var guest = new GuestProgram(0xd61f0000);
        guest.StopAtVectors();
        guest.Cpu->X[0] = GuestProgram.Start + 2;
        guest.Run();
        Assert.Equal(0x8a00_0000UL, guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 2, guest.Cpu->FarEl1);
        Assert.Equal(GuestProgram.Start + 2, guest.Cpu->ElrEl1);
    }

    [Fact]
    public void Pending_irq_waits_for_unmasking_and_ends_wfi()
    {
        // wfi; msr daifclr, #2; nop
        using var guest = new GuestProgram(0xd503207f, 0xd50342ff, 0xd503201f);
        guest.StopAtVectors();
        Assert.Equal(ExitReason.Wfi, guest.Run());
        Assert.Equal(GuestProgram.Start + 4, guest.Cpu->Pc);

        guest.Cpu->Pc = GuestProgram.Start;
        guest.Cpu->VirtualIrq = 1;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(guest.Cpu->VbarEl1 + 0x284, guest.Cpu->Pc);
        Assert.Equal(GuestProgram.Start + 8, guest.Cpu->ElrEl1);
        Assert.Equal(1, guest.Engine.Counters.InterruptsTaken);
    }

    [Fact]
    public void Wfe_falls_through_once_after_an_event()
    {
        // sevl; wfe; wfe
        using var guest = new GuestProgram(0xd50320bf, 0xd503205f, 0xd503205f);
        Assert.Equal(ExitReason.Wfe, guest.Run());
        Assert.Equal(GuestProgram.Start + 12, guest.Cpu->Pc);
    }

    [Fact]
    public void El0_may_not_touch_el1_state()
    {
        // mrs x0, currentel; then with SCTLR.UMA clear: msr daifclr, #2
        using var read = new GuestProgram(0xd5384240);
        read.StopAtVectors();
        read.Cpu->El = 0;
        read.Run();
        Assert.Equal(0x0200_0000UL, read.Cpu->EsrEl1);

        using var mask = new GuestProgram(0xd50342ff);
        mask.StopAtVectors();
        mask.Cpu->El = 0;
        mask.Run();
        Assert.Equal(0x18u, (uint)mask.Cpu->EsrEl1 >> 26);
    }

    [Fact]
    public void Foreign_system_registers_leave_run_at_the_instruction()
    {
        // mrs x0, id_aa64pfr0_el1
        using var guest = new GuestProgram(0xd5380400);
        Assert.Equal(ExitReason.SystemRegister, guest.Run());
        Assert.Equal(GuestProgram.Start, guest.Cpu->Pc);
        Assert.Equal(0x6230_0009u, guest.Cpu->Exit.Esr);
    }

    [Fact]
    public void Sve_traps_follow_zen_then_fpen_then_el2()
    {
        // mrs x0, zcr_el1 under ZEN
        using var zen = new GuestProgram(0xd5381200);
        zen.StopAtVectors();
        zen.Cpu->CpacrEl1 = 0x0030_0000;
        zen.Run();
        Assert.Equal(0x6600_0000UL, zen.Cpu->EsrEl1);

        // ptrue p0.b with FPEN off but ZEN on
        using var fpen = new GuestProgram(0x2518e3e0);
        fpen.StopAtVectors();
        fpen.Cpu->CpacrEl1 = 0x0003_0000;
        fpen.Run();
        Assert.Equal(0x1fe0_0000UL, fpen.Cpu->EsrEl1);

        using var trapped = new GuestProgram(0x2518e3e0);
        trapped.Cpu->TrapSve = 1;
        trapped.Cpu->TrapFp = 1;
        Assert.Equal(ExitReason.SveTrap, trapped.Run());
        Assert.Equal(0x6600_0000u, trapped.Cpu->Exit.Esr);
        Assert.Equal(GuestProgram.Start, trapped.Cpu->Pc);
    }
}
