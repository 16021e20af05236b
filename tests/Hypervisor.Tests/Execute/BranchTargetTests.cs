using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>
/// FEAT_BTI at EL1: RAM is mapped to itself by a page that is not guarded, and <see cref="Guarded"/> above by one that is.
/// </summary>
public sealed unsafe class BranchTargetTests
{
    private const ulong Guarded = 0x4000_0000;
    private const ulong Target = GuestProgram.Start + 0x2000;
    private const ulong StrictJumps = 1UL << 36; // SCTLR_EL1.BT1
    private const uint Nop = 0xd503201f;
    private const uint Bti = 0xd503241f;
    private const uint BtiC = 0xd503245f;
    private const uint BtiJ = 0xd503249f;
    private const uint BtiJc = 0xd50324df;
    private const uint Paciasp = 0xd503233f;
    private const uint Pacibsp = 0xd503237f;
    private const uint Brk = 0xd4200020;
    private const uint Hlt = 0xd4400020;
    private const uint BrX1 = 0xd61f0020;

    private static readonly (uint Word, byte InGuarded, byte Elsewhere)[] Branches =
    [
        (BrX1, 3, 1),
        (0xd61f0200, 1, 1), // br x16
        (0xd61f0220, 1, 1), // br x17
        (0xd63f0020, 2, 2), // blr x1
        (0xd65f0020, 0, 0), // ret x1
        (0xd61f083f, 3, 1), // braaz x1
        (0xd71f0a1f, 1, 1), // braa x16, sp
        (0xd63f083f, 2, 2), // blraaz x1
        (0xd65f0bff, 0, 0), // retaa
    ];

    public static TheoryData<uint> Landings => [Nop, Bti, BtiC, BtiJ, BtiJc, Paciasp, Pacibsp, Brk, Hlt];

    /// <summary>Every branch from both kinds of page to both: the same when the engine knows the way already, and step by step.</summary>
    [Theory]
    [MemberData(nameof(Landings))]
    public void Guarded_pages_accept_branches_at_landing_pads_only(uint landing)
    {
        foreach (var strict in (bool[])[false, true])
        {
            foreach (var (branch, inGuarded, elsewhere) in Branches)
            {
                using var guest = TwoPages(branch);
                guest.Write(Target, landing, GuestProgram.Hvc0);
                guest.Cpu->SctlrEl1 |= strict ? StrictJumps : 0;
                foreach (var from in (ulong[])[0, Guarded, 0, Guarded])
                {
                    foreach (var to in (ulong[])[0, Guarded, Guarded, 0])
                    {
                        var btype = from != 0 ? inGuarded : elsewhere;
                        Enter(guest, from, to);
                        Assert.Equal(ExitReason.Hvc, guest.Run());
                        CheckArrival(guest, landing, btype, strict, to);
                        Enter(guest, from, to);
                        while (guest.Engine.Step(guest.Cpu) == ExitReason.Budget)
                        {
                        }

                        CheckArrival(guest, landing, btype, strict, to);
                    }
                }
            }
        }
    }

    private static void CheckArrival(GuestProgram guest, uint landing, byte btype, bool strict, ulong to)
    {
        var cpu = guest.Cpu;
        Assert.Equal(0, cpu->Btype);
        if (to != 0 && btype != 0 && !Accepts(landing, btype, strict))
        {
            Assert.Equal(0x3600_0000u | btype, (uint)cpu->EsrEl1);
            CheckException(cpu, to, btype);
        }
        else if (landing is Brk)
        {
            Assert.Equal(0xf200_0001u, (uint)cpu->EsrEl1);
            CheckException(cpu, to, btype);
        }
        else if (landing is Hlt)
        {
            Assert.Equal(0x0200_0000u, (uint)cpu->EsrEl1);
            CheckException(cpu, to, 0);
        }
        else
        {
            Assert.Equal(Target + to + 8, cpu->Pc);
        }
    }

    private static void CheckException(CpuState* cpu, ulong to, byte btype)
    {
        Assert.Equal(cpu->VbarEl1 + 0x204, cpu->Pc);
        Assert.Equal(Target + to, cpu->ElrEl1);
        Assert.Equal((ulong)btype, cpu->SpsrEl1 >> 10 & 3);
    }

    // The table of the architecture's description of BTI.
    private static bool Accepts(uint landing, byte btype, bool strict) => landing switch
    {
        BtiC => btype is 1 or 2,
        BtiJ => btype is 1 or 3,
        BtiJc or Brk or Hlt => true,
        Paciasp or Pacibsp => btype is 1 or 2 || !strict,
        _ => false,
    };

    [Fact]
    public void Mapping_the_same_memory_as_guarded_counts_from_then_on()
    {
        using var guest = TwoPages(BrX1);
        guest.Write(Target, Nop, GuestProgram.Hvc0);
        for (var round = 0; round < 4; round++)
        {
            // Other attributes make the engine drop its translations when it enters.
            guest.Write(GuestProgram.Tables + 8, 0x4000_0701, (uint)(round & 1) << 18);
            guest.Cpu->MairEl1 ^= 0xff00;
            Enter(guest, 0, 0);
            guest.Run();
            Assert.Equal((round & 1) == 0 ? Target + 8 : guest.Cpu->VbarEl1 + 0x204, guest.Cpu->Pc);
        }

        Assert.Equal(0x3600_0003u, (uint)guest.Cpu->EsrEl1);
    }

    [Fact]
    public void Interrupt_between_branch_and_target_saves_btype_and_eret_restores_it()
    {
        // At the target: nop; at the IRQ vector: eret
        using var guest = TwoPages(BrX1);
        guest.Write(Target, Nop, GuestProgram.Hvc0);
        guest.Write(guest.Cpu->VbarEl1 + 0x280, 0xd69f03e0);
        Enter(guest, Guarded, Guarded);
        guest.Engine.Step(guest.Cpu);
        Assert.Equal(3, guest.Cpu->Btype);
        guest.Cpu->Daif = 0;
        guest.Cpu->VirtualIrq = 1;
        guest.Engine.Step(guest.Cpu);
        Assert.Equal(3UL, guest.Cpu->SpsrEl1 >> 10 & 3);
        Assert.Equal(0, guest.Cpu->Btype);
        guest.Cpu->VirtualIrq = 0;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0x3600_0003u, (uint)guest.Cpu->EsrEl1);
        CheckException(guest.Cpu, Guarded, 3);
    }

    [Theory]
    [InlineData(0, 0x8600_0005u)] // no table at level 1
    [InlineData(2, 0x8a00_0000u)] // PC alignment
    public void Fetch_that_fails_saves_btype(uint misaligned, uint esr)
    {
        const ulong Nowhere = 0xc000_0000;
        using var guest = TwoPages(BrX1);
        Enter(guest, 0, 0);
        guest.Cpu->X[1] = Nowhere + misaligned;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(esr, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(1UL, guest.Cpu->SpsrEl1 >> 10 & 3);
    }

    /// <summary>The step exception comes before the Branch Target exception and shows BTYPE too.</summary>
    [Fact]
    public void Software_step_sees_btype()
    {
        using var guest = TwoPages(BrX1);
        guest.Write(Target, Nop, GuestProgram.Hvc0);
        Enter(guest, Guarded, Guarded);
        guest.Cpu->MdscrEl1 = 1 | 1 << 13;
        guest.Cpu->Daif = 0;
        guest.Cpu->Ss = 1;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0xcf00_0022u, (uint)guest.Cpu->EsrEl1);
        CheckException(guest.Cpu, Guarded, 3);

        guest.Cpu->Pc = Target + Guarded;
        guest.Cpu->Btype = 2;
        guest.Cpu->Daif = 0;
        guest.Cpu->Ss = 1;
        guest.Run();
        Assert.Equal(0x3600_0002u, (uint)guest.Cpu->EsrEl1);
    }

    [Fact]
    public void El0_has_a_control_of_its_own_for_jumps_to_paciasp()
    {
        foreach (var strict in (bool[])[false, true])
        {
            using var guest = TwoPages(BrX1);
            guest.Write(Target, Paciasp, 0xd4000001); // svc #0
            guest.Cpu->SctlrEl1 |= strict ? 1UL << 35 : StrictJumps;
            Enter(guest, 0, Guarded);
            guest.Cpu->Pc = guest.Cpu->X[1];
            guest.Cpu->El = guest.Cpu->SpSel = 0;
            guest.Cpu->Btype = 3;
            guest.Run();
            Assert.Equal(strict ? 0x3600_0003u : 0x5600_0000u, (uint)guest.Cpu->EsrEl1);
        }
    }

    [Fact]
    public void Without_the_feature_nothing_is_guarded()
    {
        using var guest = TwoPages(BrX1, CpuFeatures.All.Without(Feature.BTI));
        guest.Write(Target, Brk);
        Enter(guest, Guarded, Guarded);
        guest.Run();
        Assert.Equal(0xf200_0001u, (uint)guest.Cpu->EsrEl1);
        CheckException(guest.Cpu, Guarded, 0);
    }

    /// <summary>A known landing pad costs no look-up: the loop stays inside the blocks that it has.</summary>
    [Fact]
    public void Calls_between_guarded_pages_stay_fast()
    {
        // 1: blr x1; subs x5, x5, #1; b.ne 1b; hvc #0
        using var guest = TwoPages(0xd63f0020, CpuFeatures.All, 0xf10004a5, 0x54ffffc1, GuestProgram.Hvc0);
        guest.Write(Target, BtiC, 0xd65f03c0); // bti c; ret
        Enter(guest, Guarded, Guarded);
        guest.Cpu->X[5] = 100_000;
        Assert.Equal(ExitReason.Hvc, guest.Run(1_000_000));
        Assert.InRange(guest.Engine.Counters.TlbMisses, 1, 10);
        Assert.InRange(guest.Engine.Counters.BlocksDecoded, 1, 5);
        Assert.Equal(0UL, guest.Cpu->X[5]);
    }

    private static void Enter(GuestProgram guest, ulong from, ulong to)
    {
        var cpu = guest.Cpu;
        cpu->El = cpu->SpSel = 1;
        cpu->Daif = PState.DaifMask;
        cpu->EsrEl1 = 0;
        cpu->Pc = GuestProgram.Start + from;
        cpu->X[1] = cpu->X[16] = cpu->X[17] = cpu->X[30] = Target + to;
    }

    private static GuestProgram TwoPages(uint branch) => TwoPages(branch, CpuFeatures.All);

    private static GuestProgram TwoPages(uint branch, CpuFeatures features, params ReadOnlySpan<uint> then)
    {
        var guest = new GuestProgram(features, [branch, .. then]);
        guest.MapIdentity();

        // Executable at EL0 too, which is not allowed to write; GP.
        guest.Write(GuestProgram.Tables + 16, 0x4000_07c1, 1 << 18);
        guest.StopAtVectors();
        return guest;
    }
}
