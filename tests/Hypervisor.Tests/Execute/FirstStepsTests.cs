using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Tests.Execute;

public sealed unsafe class FirstStepsTests
{
    [Fact]
    public void Adds_branches_and_leaves_through_hvc()
    {
        // add x0, x1, #5; b .+8; hlt #0; add w2, wsp, #1, lsl #12; hvc #0
        using var guest = new GuestProgram(0x91001420, 0x14000002, 0xd4400000, 0x114007e2, GuestProgram.Hvc0);
        guest.Cpu->X[1] = 37;
        guest.Cpu->Sp[1] = 0xffff_ffff_ffff_f000;

        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(42UL, guest.Cpu->X[0]);
        Assert.Equal(0UL, guest.Cpu->X[2]);
        Assert.Equal(GuestProgram.Start + 20, guest.Cpu->Pc);
        Assert.Equal(4, guest.Engine.Counters.RetiredInstructions);
    }

    [Fact]
    public void Unallocated_word_is_undefined_at_el1_and_counted()
    {
        using var guest = new GuestProgram(0x00000000);
        guest.Write(guest.Cpu->VbarEl1 + 0x200, GuestProgram.Hvc0);

        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0x0200_0000UL, guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start, guest.Cpu->ElrEl1);
        Assert.Equal(0x3c5UL, guest.Cpu->SpsrEl1);
        Assert.Equal([new KeyValuePair<uint, long>(0, 1)], guest.Engine.Counters.Undefined.Snapshot());
    }
}
