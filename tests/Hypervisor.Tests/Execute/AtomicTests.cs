namespace CloudVm.Hypervisor.Tests.Execute;

public sealed unsafe class AtomicTests
{
    private const ulong Data = GuestProgram.Start + 0x10_0000;

    [Fact]
    public void Store_exclusive_succeeds_once_per_load_exclusive()
    {
        // ldxr x0, [x1]; stxr w2, x3, [x1]; stxr w4, x3, [x1]
        using var guest = new GuestProgram(0xc85f7c20, 0xc8027c23, 0xc8047c23, GuestProgram.Hvc0);
        guest.Write(Data, 5, 0);
        guest.Cpu->X[1] = Data;
        guest.Cpu->X[2] = 9;
        guest.Cpu->X[3] = 6;
        guest.Run();
        Assert.Equal(5UL, guest.Cpu->X[0]);
        Assert.Equal(0UL, guest.Cpu->X[2]);
        Assert.Equal(1UL, guest.Cpu->X[4]);
        Assert.Equal(6, guest.Read(Data, 1)[0]);
    }

    [Theory]
    [InlineData(0xd5033f5f)] // clrex
    [InlineData(0xf9000023)] // str x3, [x1]: another value appears
    [InlineData(0x91004021)] // add x1, x1, #16: another address
    public void Store_exclusive_fails_when_the_monitor_is_lost(uint between)
    {
        using var guest = new GuestProgram(0xc85f7c20, between, 0xc8027c23, GuestProgram.Hvc0);
        guest.Cpu->X[1] = Data;
        guest.Cpu->X[3] = 6;
        guest.Run();
        Assert.Equal(1UL, guest.Cpu->X[2]);
        Assert.Equal(0, guest.Read(Data + 16, 1)[0]);
    }

    [Fact]
    public void Pairs_of_128_bits_swap_together_or_not_at_all()
    {
        // ldxp x4, x5, [x1]; stxp w2, x6, x7, [x1]
        using var guest = new GuestProgram(0xc87f1424, 0xc8221c26, GuestProgram.Hvc0);
        guest.Write(Data, 1, 0, 2, 0);
        guest.Cpu->X[1] = Data;
        guest.Cpu->X[2] = 9;
        guest.Cpu->X[6] = 3;
        guest.Cpu->X[7] = 4;
        guest.Run();
        Assert.Equal(1UL, guest.Cpu->X[4]);
        Assert.Equal(2UL, guest.Cpu->X[5]);
        Assert.Equal(0UL, guest.Cpu->X[2]);
        Assert.Equal([3, 0, 0, 0, 0, 0, 0, 0, 4], guest.Read(Data, 9));

        // casp x0, x1, x2, x3, [x4], with the high half different
        using var swap = new GuestProgram(0x48207c82, GuestProgram.Hvc0);
        swap.Write(Data, 1, 0, 2, 0);
        swap.Cpu->X[0] = 1;
        swap.Cpu->X[1] = 99;
        swap.Cpu->X[2] = 7;
        swap.Cpu->X[4] = Data;
        swap.Run();
        Assert.Equal(1UL, swap.Cpu->X[0]);
        Assert.Equal(2UL, swap.Cpu->X[1]);
        Assert.Equal(1, swap.Read(Data, 1)[0]);
    }

    [Fact]
    public void Narrow_signed_maximum_compares_as_signed_and_returns_the_old_value()
    {
        // ldsmaxb w0, w2, [x4]
        using var guest = new GuestProgram(0x38204082, GuestProgram.Hvc0);
        guest.Write(Data, 0xffff_ff80);
        guest.Cpu->X[0] = 0xffff_ff01;
        guest.Cpu->X[4] = Data;
        guest.Run();
        Assert.Equal(0x80UL, guest.Cpu->X[2]);
        Assert.Equal([0x01, 0xff, 0xff, 0xff], guest.Read(Data, 4));
    }

    [Fact]
    public void Misaligned_atomic_is_an_alignment_fault()
    {
        // ldaddal x0, x2, [x4]
        using var guest = new GuestProgram(0xf8e00082);
        guest.MapIdentity();
        guest.StopAtVectors();
        guest.Cpu->X[4] = Data + 12;
        guest.Run();
        // WnR is clear, since a read would have faulted in the same way.
        Assert.Equal(0x9600_0021UL, guest.Cpu->EsrEl1);
        Assert.Equal(Data + 12, guest.Cpu->FarEl1);
    }
}
