using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Tests.Execute;

public sealed unsafe class LoadStoreTests
{
    private const ulong Data = GuestProgram.Start + 0x10_0000;
    private const ulong Uart = 0x0900_0000;

    [Fact]
    public void Extends_and_writes_back()
    {
        // ldrsh w2, [x1, #2]; ldr x6, [x1], #8; stp x2, x3, [x1], #16
        using var guest = new GuestProgram(0x79c00422, 0xf8408426, 0xa8810c22, GuestProgram.Hvc0);
        guest.Write(Data, 0x8001_2345, 0x1122_3344);
        guest.Cpu->X[1] = Data;
        guest.Cpu->X[3] = 7;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0xffff_8001UL, guest.Cpu->X[2]);
        Assert.Equal(0x1122_3344_8001_2345UL, guest.Cpu->X[6]);
        Assert.Equal(Data + 24, guest.Cpu->X[1]);
        Assert.Equal([0x01, 0x80, 0xff, 0xff, 0, 0, 0, 0, 7], guest.Read(Data + 8, 9));
    }

    [Theory]
    [InlineData(0xb9000423, true, 3, 4)] // str w3, [x1, #4]
    [InlineData(0x79c00422, false, 2, 2)] // ldrsh w2, [x1, #2]
    [InlineData(0xf9400020, false, 0, 8)] // ldr x0, [x1]
    [InlineData(0xc8dffc20, false, 0, 8)] // ldar x0, [x1]
    public void Access_outside_ram_leaves_with_a_full_syndrome(uint word, bool write, byte register, byte size)
    {
        using var guest = new GuestProgram(word);
        guest.Cpu->X[1] = Uart;
        guest.Cpu->X[3] = 0x1234_5678_9abc_def0;
        Assert.Equal(ExitReason.DataAbort, guest.Run());
        ref var exit = ref guest.Cpu->Exit;
        Assert.True(exit.SyndromeValid);
        Assert.Equal(write, exit.IsWrite);
        Assert.Equal(register, exit.Rt);
        Assert.Equal(size, exit.Size);
        Assert.Equal(exit.Far, exit.Ipa);
        Assert.Equal(GuestProgram.Start, guest.Cpu->Pc);
        Assert.Equal(0x24u, exit.Esr >> 26);
        Assert.Equal(1u, exit.Esr >> 24 & 1);
        Assert.Equal((uint)System.Numerics.BitOperations.Log2(size), exit.Esr >> 22 & 3);
        Assert.Equal(register, exit.Esr >> 16 & 31);
        Assert.Equal(write ? 1u : 0u, exit.Esr >> 6 & 1);
        if (write)
            Assert.Equal(0x9abc_def0UL, exit.Data);
    }

    [Theory]
    [InlineData(0xa9401424)] // ldp x4, x5, [x1]
    [InlineData(0xf8408426)] // ldr x6, [x1], #8
    [InlineData(0x3d800020)] // str q0, [x1]
    [InlineData(0xc85f7c20)] // ldxr x0, [x1]
    [InlineData(0xf8e00022)] // ldaddal x0, x2, [x1]
    public void Forms_without_a_syndrome_leave_with_isv_clear_and_change_nothing(uint word)
    {
        using var guest = new GuestProgram(word);
        guest.Cpu->X[1] = Uart;
        Assert.Equal(ExitReason.DataAbort, guest.Run());
        Assert.False(guest.Cpu->Exit.SyndromeValid);
        Assert.Equal(0u, guest.Cpu->Exit.Esr >> 24 & 1);
        Assert.Equal(Uart, guest.Cpu->X[1]);
        Assert.Equal(0UL, guest.Cpu->X[6]);
    }

    [Fact]
    public void Unaligned_access_faults_with_the_mmu_off_and_works_across_pages_with_it_on()
    {
        // ldr x0, [x1]
        using var off = new GuestProgram(0xf9400020);
        off.StopAtVectors();
        off.Cpu->X[1] = Data + 1;
        off.Run();
        Assert.Equal(0x9600_0021UL, off.Cpu->EsrEl1);
        Assert.Equal(Data + 1, off.Cpu->FarEl1);
        Assert.Equal(GuestProgram.Start, off.Cpu->ElrEl1);

        using var on = new GuestProgram(0xf9400020, GuestProgram.Hvc0);
        on.MapIdentity();
        on.Write(Data + 0xff8, 0, 0x0302_0100, 0x0706_0504, 0);
        on.Cpu->X[1] = Data + 0xffd;
        Assert.Equal(ExitReason.Hvc, on.Run());
        Assert.Equal(0x0007_0605_0403_0201UL, on.Cpu->X[0]);
    }

    [Fact]
    public void Misaligned_stack_pointer_faults_for_loads_but_not_for_prefetch()
    {
        // prfm pldl1keep, [sp]; ldr x0, [sp]
        using var guest = new GuestProgram(0xf98003e0, 0xf94003e0);
        guest.StopAtVectors();
        guest.Cpu->Sp[1] = Data + 8;
        guest.Run();
        Assert.Equal(0x9a00_0000UL, guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 4, guest.Cpu->ElrEl1);
    }

    [Fact]
    public void Dc_zva_clears_its_block_only()
    {
        // dc zva, x0
        using var guest = new GuestProgram(0xd50b7420, GuestProgram.Hvc0);
        guest.MapIdentity();
        var ones = new byte[192];
        Array.Fill(ones, (byte)0xff);
        Assert.True(guest.Memory.TryWrite(Data, ones));
        guest.Cpu->X[0] = Data + 64 + 17;
        guest.Run();
        var expected = new byte[192];
        Array.Fill(expected, (byte)0xff);
        expected.AsSpan(64, 64).Clear();
        Assert.Equal(expected, guest.Read(Data, 192));
    }
}
