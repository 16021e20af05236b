using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>Small system features: RNDR, prediction restriction, SSBS, DIT, SB.</summary>
public sealed unsafe class SystemInstructionTests
{
    private const uint MrsRndr = 0xd53b2400; // mrs x0, rndr
    private const uint MrsRndrrs = 0xd53b2421; // mrs x1, rndrrs
    private const ulong EnRctx = 1UL << 10;

    [Fact]
    public void Random_numbers_come_from_the_domain_and_clear_the_flags()
    {
        using var memory = new GuestMemory(GuestProgram.Start, 1 << 20);
        var next = 40ul;
        using var domain = new EngineDomain(memory, CpuFeatures.All, 1) { NextRandom = () => ++next };
        Assert.True(memory.TryWrite(GuestProgram.Start, System.Runtime.InteropServices.MemoryMarshal.AsBytes<uint>([MrsRndr, MrsRndrrs])));
        var cpu = CpuState.Allocate();
        cpu->Pc = GuestProgram.Start;
        cpu->SctlrEl1 = 0x00c5_0078;
        cpu->Nzcv = PState.NzcvMask;
        var engine = domain.CreateVcpu(0);
        engine.Step(cpu);
        Assert.Equal(41ul, cpu->X[0]);
        Assert.Equal(0u, cpu->Nzcv);
        engine.Step(cpu);
        Assert.Equal(42ul, cpu->X[1]);
        CpuState.Free(cpu);
    }

    [Fact]
    public void Random_numbers_of_the_host_differ()
    {
        using var guest = new GuestProgram(MrsRndr, MrsRndrrs, GuestProgram.Hvc0);
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.NotEqual(guest.Cpu->X[0], guest.Cpu->X[1]);

        using var without = new GuestProgram(CpuFeatures.All.Without(Feature.RNG), MrsRndr);
        Assert.Equal(ExitReason.SystemRegister, without.Run());
    }

    [Theory]
    [InlineData(0xd50b7380u)] // cfp rctx, x0
    [InlineData(0xd50b73a0u)] // dvp rctx, x0
    [InlineData(0xd50b73e0u)] // cpp rctx, x0
    public void Prediction_restriction_is_for_el0_only_when_enabled(uint word)
    {
        using var kernel = new GuestProgram(word, GuestProgram.Hvc0);
        kernel.StopAtVectors();
        kernel.Run();
        Assert.Equal(0UL, kernel.Cpu->EsrEl1);

        using var user = new GuestProgram(word, 0xd4000001); // svc #0
        user.StopAtVectors();
        user.Cpu->El = 0;
        user.Cpu->SctlrEl1 |= EnRctx;
        user.Run();
        Assert.Equal(0x15UL, user.Cpu->EsrEl1 >> 26);

        using var refused = new GuestProgram(word);
        refused.StopAtVectors();
        refused.Cpu->El = 0;
        refused.Run();
        Assert.Equal(0x18UL, refused.Cpu->EsrEl1 >> 26);

        using var without = new GuestProgram(CpuFeatures.All.Without(Feature.SPECRES), word);
        without.StopAtVectors();
        without.Run();
        Assert.Equal(0x0200_0000UL, without.Cpu->EsrEl1);
    }

    [Theory]
    [InlineData(0xd503413fu, 0xd53b42c0u, 0xd51b42c1u, 12)] // SSBS
    [InlineData(0xd503415fu, 0xd53b42a0u, 0xd51b42a1u, 24)] // DIT
    public void State_bits_are_set_read_saved_and_restored(uint set, uint read, uint write, int bit)
    {
        // msr BIT, #1; mrs x0, BIT; svc #0; at the vector: msr BIT, x1; hvc #0
        using var guest = new GuestProgram(set, read, 0xd4000001);
        guest.Write(guest.Cpu->VbarEl1 + 0x400, write, GuestProgram.Hvc0);
        guest.Cpu->El = 0;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(1UL << bit, guest.Cpu->X[0]);
        Assert.Equal(1UL << bit, guest.Cpu->SpsrEl1 & (1UL << bit));
        Assert.Equal(0UL, PState.Read(guest.Cpu) & (1UL << bit));
    }

    [Fact]
    public void Speculation_barrier_needs_its_feature()
    {
        using var guest = new GuestProgram(0xd50330ff, GuestProgram.Hvc0); // sb
        Assert.Equal(ExitReason.Hvc, guest.Run());
        using var without = new GuestProgram(CpuFeatures.All.Without(Feature.SB), 0xd50330ff);
        without.StopAtVectors();
        without.Run();
        Assert.Equal(0x0200_0000UL, without.Cpu->EsrEl1);
    }
}
