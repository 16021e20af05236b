using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>
/// SErrors that the hypervisor makes pending. The comparison with qemu-system-aarch64 has none, because nothing there can cause one.
/// </summary>
public sealed unsafe class SErrorTests
{
    private const uint Nop = 0xd503201f;
    private const uint Wfi = 0xd503207f;
    private const uint UnmaskA = 0xd50344ff; // msr daifclr, #4

    [Theory]
    [InlineData(0, 0, 0x580)]
    [InlineData(1, 0, 0x180)]
    [InlineData(1, 1, 0x380)]
    public void Goes_to_the_vector_of_where_it_was_taken_from(byte el, byte spSel, uint offset)
    {
        using var guest = Pending(Nop);
        guest.Cpu->El = el;
        guest.Cpu->SpSel = spSel;
        guest.Cpu->Daif = 0;
        guest.Cpu->Btype = 2;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(guest.Cpu->VbarEl1 + offset + 4, guest.Cpu->Pc);
        Assert.Equal(0xbe00_0000u, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start, guest.Cpu->ElrEl1);
        Assert.Equal(((uint)el << 2) | spSel | 2u << 10, (uint)guest.Cpu->SpsrEl1);
        Assert.Equal(PState.DaifMask, guest.Cpu->Daif);
        Assert.Equal(0, guest.Cpu->VirtualSError);
    }

    [Fact]
    public void Waits_for_pstate_a_alone_and_is_taken_right_after_it_is_cleared()
    {
        using var guest = Pending(Nop, UnmaskA, Nop, GuestProgram.Hvc0);
        guest.Cpu->Daif = PState.A;
        guest.Run();
        Assert.Equal(0xbe00_0000u, (uint)guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 8, guest.Cpu->ElrEl1);

        using var masked = Pending(Nop, GuestProgram.Hvc0);
        masked.Cpu->Daif = PState.A;
        Assert.Equal(ExitReason.Hvc, masked.Run());
        Assert.Equal(GuestProgram.Start + 8, masked.Cpu->Pc);
        Assert.Equal(1, masked.Cpu->VirtualSError);
    }

    [Fact]
    public void Ends_wfi_even_when_it_is_masked()
    {
        using var guest = Pending(Wfi, GuestProgram.Hvc0);
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(GuestProgram.Start + 8, guest.Cpu->Pc);
    }

    [Fact]
    public void Comes_before_fiq_and_irq()
    {
        using var guest = Pending(Nop);
        guest.Cpu->Daif = 0;
        guest.Cpu->VirtualFiq = guest.Cpu->VirtualIrq = 1;
        guest.Run();
        Assert.Equal(guest.Cpu->VbarEl1 + 0x384, guest.Cpu->Pc);
    }

    private static GuestProgram Pending(params ReadOnlySpan<uint> words)
    {
        var guest = new GuestProgram(words);
        guest.StopAtVectors();
        guest.Cpu->VirtualSError = 1;
        return guest;
    }
}
