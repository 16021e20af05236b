using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>Decoded blocks: when they are kept, when they must go, and where Run stops.</summary>
public sealed unsafe class BlockTests
{
    private const uint AddOne = 0x91000400; // add x0, x0, #1
    private const uint AddTwo = 0x91000800; // add x0, x0, #2
    private const uint Ret = 0xd65f03c0;
    private const ulong Callee = GuestProgram.Start + 0x2000;

    [Fact]
    public void Blocks_are_decoded_once()
    {
        // 1: add x0, x0, #1; subs x5, x5, #1; b.ne 1b; hvc #0
        using var guest = new GuestProgram(AddOne, 0xf10004a5, 0x54ffffc1, GuestProgram.Hvc0);
        guest.Cpu->X[5] = 1000;
        Assert.Equal(ExitReason.Hvc, guest.Run(1_000_000));
        Assert.Equal(1000UL, guest.Cpu->X[0]);
        Assert.Equal(3001, guest.Engine.Counters.RetiredInstructions);
        Assert.Equal(2, guest.Engine.Counters.BlocksDecoded);
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 3)]
    public void Code_that_the_guest_rewrites_is_fetched_again_after_ic_ivau(bool invalidate, ulong expected)
    {
        // blr x2; str w3, [x2]; dsb ish; ic ivau, x2 (or nop); dsb ish; isb; blr x2; hvc #0
        using var guest = new GuestProgram(
            0xd63f0040, 0xb9000043, 0xd5033b9f, invalidate ? 0xd50b7522 : 0xd503201f, 0xd5033b9f, 0xd5033fdf, 0xd63f0040, GuestProgram.Hvc0);
        guest.Write(Callee, AddOne, Ret);
        guest.Cpu->X[2] = Callee;
        guest.Cpu->X[3] = AddTwo;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(expected, guest.Cpu->X[0]);
    }

    [Fact]
    public void Code_written_from_outside_is_fetched_again_at_once()
    {
        // blr x2; hvc #0
        using var guest = new GuestProgram(0xd63f0040, GuestProgram.Hvc0);
        guest.Write(Callee, AddOne, Ret);
        guest.Cpu->X[2] = Callee;
        guest.Run();
        guest.Write(Callee, AddTwo);
        guest.Cpu->Pc = GuestProgram.Start;
        guest.Run();
        Assert.Equal(3UL, guest.Cpu->X[0]);
    }

    [Fact]
    public void Budget_stops_within_a_block_of_the_limit_and_run_goes_on_from_there()
    {
        // 1: add x0, x0, #1; b 1b
        using var guest = new GuestProgram(AddOne, 0x17ffffff);
        Assert.Equal(ExitReason.Budget, guest.Run(1001));
        Assert.InRange(guest.Engine.Counters.RetiredInstructions, 1001, 1003);
        Assert.Equal(ExitReason.Budget, guest.Run(1000));
        Assert.InRange(guest.Cpu->X[0], 1000UL, 1002UL);
    }

    [Fact]
    public void Step_executes_one_instruction()
    {
        using var guest = new GuestProgram(AddOne, AddOne, AddOne);
        Assert.Equal(ExitReason.Budget, guest.Engine.Step(guest.Cpu));
        Assert.Equal(1UL, guest.Cpu->X[0]);
        Assert.Equal(GuestProgram.Start + 4, guest.Cpu->Pc);
    }
}
