namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>Corner cases of integer data processing; the expected values are worked out by hand from the Arm pseudocode.</summary>
public sealed unsafe class BaseDataProcessingTests
{
    private const uint N = 0x8000_0000;
    private const uint Z = 0x4000_0000;
    private const uint C = 0x2000_0000;
    private const uint V = 0x1000_0000;

    [Theory]
    [InlineData(0xab020020, 0x7fff_ffff_ffff_ffff, 1, 0, 0x8000_0000_0000_0000, N | V)] // adds x0, x1, x2
    [InlineData(0xab020020, 0xffff_ffff_ffff_ffff, 1, 0, 0, Z | C)]
    [InlineData(0x6b020020, 0, 0x8000_0000, 0, 0x8000_0000, N | V)] // subs w0, w1, w2
    [InlineData(0x6b020020, 0xdead_0000_0005, 5, 0, 0, Z | C)]
    [InlineData(0xba020020, 0xffff_ffff_ffff_ffff, 0, C, 0, Z | C)] // adcs x0, x1, x2
    [InlineData(0x7a020020, 0, 0, 0, 0xffff_ffff, N)] // sbcs w0, w1, w2 without carry
    [InlineData(0x7a020020, 0x8000_0000, 0, 0, 0x7fff_ffff, C | V)]
    public void Arithmetic_sets_result_and_flags(uint word, ulong x1, ulong x2, uint flags, ulong expected, uint expectedFlags)
    {
        using var guest = Execute(word, x1, x2, flags);
        Assert.Equal(expected, guest.Cpu->X[0]);
        Assert.Equal(expectedFlags, guest.Cpu->Nzcv);
    }

    [Theory]
    [InlineData(0x9ac20c20, 0x8000_0000_0000_0000, 0xffff_ffff_ffff_ffff, 0x8000_0000_0000_0000)] // sdiv x0, x1, x2
    [InlineData(0x9ac20c20, 7, 0, 0)]
    [InlineData(0x9ac20c20, 0xffff_ffff_ffff_fff9, 2, 0xffff_ffff_ffff_fffd)]
    [InlineData(0x1ac20c20, 0x8000_0000, 0xffff_ffff, 0x8000_0000)] // sdiv w0, w1, w2
    [InlineData(0x1ac20820, 0xffff_ffff_0000_0009, 2, 4)] // udiv w0, w1, w2
    [InlineData(0x93442c20, 0x0000_0000_0000_0ff0, 0, 0xffff_ffff_ffff_ffff)] // sbfx x0, x1, #4, #8
    [InlineData(0x93442c20, 0x0000_0000_0000_07f0, 0, 0x7f)]
    [InlineData(0x531d1020, 0xffff_ffff_ffff_ffff, 0, 0xf8)] // ubfiz w0, w1, #3, #5
    [InlineData(0x93c24420, 0x1_2345, 0x8000_0000_0000_0000, 0x91a2_c000_0000_0000)] // extr x0, x1, x2, #17
    [InlineData(0x13811c20, 0x0000_0081, 0, 0x0200_0001)] // ror w0, w1, #7
    [InlineData(0x92009c20, 0xffff_ffff_ffff_ffff, 0, 0x00ff_00ff_00ff_00ff)] // and x0, x1, #0x00ff00ff00ff00ff
    [InlineData(0xdac01420, 0xffff_ffff_ffff_fffe, 0, 62)] // cls x0, x1
    [InlineData(0xdac01420, 0, 0, 63)]
    [InlineData(0x5ac00020, 0xffff_ffff_0000_0001, 0, 0x8000_0000)] // rbit w0, w1
    [InlineData(0xdac00420, 0x0123_4567_89ab_cdef, 0, 0x2301_6745_ab89_efcd)] // rev16 x0, x1
    [InlineData(0x9b427c20, 0xffff_ffff_ffff_ffff, 2, 0xffff_ffff_ffff_ffff)] // smulh x0, x1, x2
    public void Computes(uint word, ulong x1, ulong x2, ulong expected)
    {
        using var guest = Execute(word, x1, x2, 0);
        Assert.Equal(expected, guest.Cpu->X[0]);
        Assert.Equal(0u, guest.Cpu->Nzcv);
    }

    /// <summary>The check value of CRC-32/ISO-HDLC and CRC-32C over "123456789", with the inversions done here.</summary>
    [Theory]
    [InlineData(0x9ac24c20, 0x1ac24020, 0xcbf4_3926)] // crc32x w0, w1, x2; crc32b w0, w1, w2
    [InlineData(0x9ac25c20, 0x1ac25020, 0xe306_9283)] // crc32cx, crc32cb
    public void Checksums_match_their_published_check_values(uint doubleword, uint single, uint expected)
    {
        using var first = Execute(doubleword, 0xffff_ffff, 0x3837_3635_3433_3231, 0);
        using var second = Execute(single, first.Cpu->X[0], 0x39, 0);
        Assert.Equal(expected, ~(uint)second.Cpu->X[0]);
    }

    [Fact]
    public void Conditional_compare_takes_the_immediate_flags_when_the_condition_fails()
    {
        // ccmp x1, x2, #0b0110, lt
        using var fails = Execute(0xfa42b026, 1, 1, 0);
        Assert.Equal(Z | C, fails.Cpu->Nzcv);
        using var holds = Execute(0xfa42b026, 1, 2, N);
        Assert.Equal(N, holds.Cpu->Nzcv);
    }

    [Fact]
    public void Register_31_is_zero_or_sp_as_the_encoding_says()
    {
        // adds xzr, x1, x2; add x0, sp, #0; mov x3, xzr
        using var guest = new GuestProgram(0xab02003f, 0x910003e0, 0xaa1f03e3, GuestProgram.Hvc0);
        guest.Cpu->X[1] = 5;
        guest.Cpu->X[3] = 9;
        guest.Cpu->Sp[1] = 0x1230;
        guest.Run();
        Assert.Equal(0x1230UL, guest.Cpu->X[0]);
        Assert.Equal(0UL, guest.Cpu->X[3]);
        Assert.Equal(0UL, guest.Cpu->X[31]);
    }

    [Theory]
    [InlineData(0x9200fc20)] // and x0, x1 with N:immr:imms all ones in the element
    [InlineData(0x12400020)] // 32-bit logical immediate with N set
    [InlineData(0x0bc20020)] // add w0, w1, w2 with shift type 3
    [InlineData(0x0b028020)] // add w0, w1, w2, lsl #32
    [InlineData(0x8b201420 | 5 << 10)] // add extended with a shift above 4
    public void Reserved_operands_are_undefined(uint word)
    {
        using var guest = Execute(word, 1, 2, 0);
        Assert.Equal(0x0200_0000UL, guest.Cpu->EsrEl1);
        Assert.Equal(1, guest.Engine.Counters.Undefined.Total);
    }

    private static GuestProgram Execute(uint word, ulong x1, ulong x2, uint flags)
    {
        var guest = new GuestProgram(word, GuestProgram.Hvc0);
        guest.StopAtVectors();
        guest.Cpu->X[1] = x1;
        guest.Cpu->X[2] = x2;
        guest.Cpu->Nzcv = flags;
        guest.Run();
        return guest;
    }
}
