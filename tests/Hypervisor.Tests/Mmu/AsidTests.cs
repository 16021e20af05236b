using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Tests.Execute;

namespace CloudVm.Hypervisor.Tests.Mmu;

/// <summary>Two address spaces that map one virtual page to different memory, told apart by their ASIDs.</summary>
public sealed unsafe class AsidTests
{
    private const ulong NotGlobal = 1 << 11;
    private const ulong UserAccess = 1 << 6;
    private const ulong PageBits = 0b11 | 1 << 10 | 3 << 8 | NotGlobal;
    private const ulong FirstTables = GuestProgram.Tables + 0x1_0000;
    private const ulong SecondTables = GuestProgram.Tables + 0x2_0000;
    private const ulong FirstPage = GuestProgram.Start + 0x20_0000;
    private const ulong SecondPage = GuestProgram.Start + 0x20_1000;
    private const ulong Va = 0x1000;
    private const ulong FirstSpace = FirstTables | 5UL << 48;
    private const ulong SecondSpace = SecondTables | 6UL << 48;

    [Fact]
    public void Data_of_two_spaces_never_mixes_and_going_back_walks_no_table()
    {
        // Four times: (msr ttbr0_el1, x10; isb; ldr x0, [x1]; msr ttbr0_el1, x11; isb; ldr x2, [x1])
        using var guest = TwoSpaces(
            0xd518200a, 0xd5033fdf, 0xf9400020, 0xd518200b, 0xd5033fdf, 0xf9400022,
            0xd518200a, 0xd5033fdf, 0xf9400020, 0xd518200b, 0xd5033fdf, 0xf9400022, GuestProgram.Hvc0);
        guest.Write(FirstPage, 11);
        guest.Write(SecondPage, 22);
        guest.Cpu->X[1] = Va;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(11UL, guest.Cpu->X[0]);
        Assert.Equal(22UL, guest.Cpu->X[2]);
    }

    [Fact]
    public void Code_of_two_spaces_never_mixes()
    {
        // Three times: msr ttbr0_el1, x10 or x11; isb; blr x1; mov xN, x0
        using var guest = TwoSpaces(
            0xd518200a, 0xd5033fdf, 0xd63f0020, 0xaa0003e2, 0xd518200b, 0xd5033fdf, 0xd63f0020, 0xaa0003e3,
            0xd518200a, 0xd5033fdf, 0xd63f0020, GuestProgram.Hvc0);

        // mov x0, #1; ret, and the same with 2
        guest.Write(FirstPage, 0xd2800020, 0xd65f03c0);
        guest.Write(SecondPage, 0xd2800040, 0xd65f03c0);
        guest.Cpu->X[1] = Va;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal((1UL, 1UL, 2UL), (guest.Cpu->X[0], guest.Cpu->X[2], guest.Cpu->X[3]));
    }

    /// <summary>EL0 runs the same code in both spaces in turn; after the first round nothing misses or is decoded again.</summary>
    [Fact]
    public void Switching_between_known_spaces_keeps_their_translations()
    {
        using var guest = TwoSpaces(UserAccess);

        // ldr x2, [x1, #0x800]; svc #0
        guest.Write(FirstPage, 0xf9440022, 0xd4000001);
        guest.Write(SecondPage, 0xf9440022, 0xd4000001);
        guest.Write(FirstPage + 0x800, 11);
        guest.Write(SecondPage + 0x800, 22);

        // At the vector: hvc #0. After it: msr ttbr0_el1, x10; isb; eret
        guest.Write(guest.Cpu->VbarEl1 + 0x400, GuestProgram.Hvc0);
        guest.Write(GuestProgram.Start, 0xd518200a, 0xd5033fdf, 0xd69f03e0);
        guest.Cpu->X[1] = Va;
        long misses = 0;
        for (var round = 0; round < 10; round++)
        {
            guest.Cpu->Pc = GuestProgram.Start;
            guest.Cpu->X[10] = (round & 1) == 0 ? FirstSpace : SecondSpace;
            guest.Cpu->ElrEl1 = Va;
            guest.Cpu->SpsrEl1 = 0;
            if (round == 3)
                misses = guest.Engine.Counters.TlbMisses;
            Assert.Equal(ExitReason.Hvc, guest.Run());
            Assert.Equal((round & 1) == 0 ? 11UL : 22UL, guest.Cpu->X[2]);
            Assert.Equal(Va + 8, guest.Cpu->ElrEl1);
        }

        Assert.Equal(misses, guest.Engine.Counters.TlbMisses);
    }

    /// <summary>More address spaces than banks: what an ASID meant before its bank was taken is not found again.</summary>
    [Fact]
    public void Many_spaces_take_turns_in_the_banks()
    {
        const int Spaces = 40;
        using var guest = TwoSpaces(UserAccess);
        guest.Write(guest.Cpu->VbarEl1 + 0x400, GuestProgram.Hvc0);
        guest.Write(GuestProgram.Start, 0xd518200a, 0xd5033fdf, 0xd69f03e0);
        for (ulong space = 0; space < Spaces; space++)
        {
            var tables = GuestProgram.Tables + 0x3_0000 + (space * 0x3000);
            var page = FirstPage + (space * 0x1000);
            Map(guest, tables, page | PageBits | UserAccess);

            // mov x2, #space; svc #0
            guest.Write(page, 0xd2800002 | (uint)space << 5, 0xd4000001);
        }

        for (ulong round = 0; round < 3 * Spaces; round++)
        {
            var space = round * 7 % Spaces;
            guest.Cpu->Pc = GuestProgram.Start;
            guest.Cpu->X[10] = (GuestProgram.Tables + 0x3_0000 + (space * 0x3000)) | (space + 1) << 48;
            guest.Cpu->ElrEl1 = Va;
            guest.Cpu->SpsrEl1 = 0;
            Assert.Equal(ExitReason.Hvc, guest.Run());
            Assert.Equal(space, guest.Cpu->X[2]);
        }
    }

    [Theory]
    [InlineData(0xd5088745, 5UL << 48, true)] // tlbi aside1, x5
    [InlineData(0xd5088745, 6UL << 48, false)] // of another ASID: stays, as it may
    [InlineData(0xd508811f, 0UL, true)] // tlbi vmalle1os
    [InlineData(0xd5088325, 1UL | 5UL << 48, true)] // tlbi vae1is, x5
    [InlineData(0xd50887e5, 1UL, true)] // tlbi vaale1, x5
    [InlineData(0xd5088225, 0UL | 1UL << 46 | 5UL << 48, true)] // tlbi rvae1is, x5: two pages from 0
    [InlineData(0xd50885e5, 0UL | 1UL << 46, true)] // tlbi rvaale1os, x5
    [InlineData(0xd50885e5, 2UL | 3UL << 39 | 1UL << 46, false)] // a range that starts above
    public void Invalidation_drops_what_it_names(uint tlbi, ulong operand, bool drops)
    {
        // msr ttbr0_el1, x10; isb; ldr x0, [x1]; str x4, [x3]; TLBI; dsb ish; isb; ldr x0, [x1]; hvc #0
        using var guest = TwoSpaces(
            0xd518200a, 0xd5033fdf, 0xf9400020, 0xf9000064, tlbi, 0xd5033b9f, 0xd5033fdf, 0xf9400020, GuestProgram.Hvc0);
        guest.Write(FirstPage, 11);
        guest.Write(SecondPage, 22);
        guest.Cpu->X[1] = Va;
        guest.Cpu->X[3] = FirstTables + 0x2008;
        guest.Cpu->X[4] = SecondPage | PageBits;
        guest.Cpu->X[5] = operand;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(drops ? 22UL : 11UL, guest.Cpu->X[0]);
    }

    [Theory]
    [InlineData(0xd508839f)] // op2 = 4 with CRm 3
    [InlineData(0xd50884bf)] // CRm 4 belongs to EL2
    [InlineData(0xd508823f + 0x20)] // a range form without address
    public void Other_tlbi_encodings_are_undefined(uint word)
    {
        using var guest = new GuestProgram(word);
        guest.StopAtVectors();
        guest.Run();
        Assert.Equal(0x0200_0000UL, guest.Cpu->EsrEl1);
    }

    /// <summary>LDTR and STTR of EL1 use EL0's translations of the current space.</summary>
    [Fact]
    public void Unprivileged_accesses_follow_the_space()
    {
        // msr ttbr0_el1, x10; isb; ldtr x0, [x1]; sttr x3, [x1]; ldtr x0, [x1]; msr ttbr0_el1, x11; isb; ldtr x2, [x1]; hvc #0
        using var guest = TwoSpaces(
            UserAccess, 0xd518200a, 0xd5033fdf, 0xf8400820, 0xf8000823, 0xf8400820, 0xd518200b, 0xd5033fdf, 0xf8400822, GuestProgram.Hvc0);
        guest.Write(FirstPage, 11);
        guest.Write(SecondPage, 22);
        guest.Cpu->X[1] = Va;
        guest.Cpu->X[3] = 12;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal((12UL, 22UL), (guest.Cpu->X[0], guest.Cpu->X[2]));
        Assert.Equal(12, guest.Read(FirstPage, 1)[0]);
    }

    private static GuestProgram TwoSpaces(params ReadOnlySpan<uint> words) => TwoSpaces(0UL, words);

    /// <summary>Two spaces of 39 bits that share RAM as an EL1 block at its own address and differ in the page at <see cref="Va"/>.</summary>
    private static GuestProgram TwoSpaces(ulong bits, params ReadOnlySpan<uint> words)
    {
        var guest = new GuestProgram(words);
        guest.MapIdentity();
        Map(guest, FirstTables, FirstPage | PageBits | bits);
        Map(guest, SecondTables, SecondPage | PageBits | bits);
        guest.Cpu->X[10] = FirstSpace;
        guest.Cpu->X[11] = SecondSpace;
        return guest;
    }

    private static void Map(GuestProgram guest, ulong tables, ulong page)
    {
        const ulong Block = GuestProgram.Start | 0b01 | 1 << 10 | 3 << 8;
        Poke(guest, tables, (tables + 0x1000) | 3);
        Poke(guest, tables + 8, Block);
        Poke(guest, tables + 0x1000, (tables + 0x2000) | 3);
        Poke(guest, tables + 0x2008, page);
    }

    private static void Poke(GuestProgram guest, ulong address, ulong value) => guest.Write(address, (uint)value, (uint)(value >> 32));
}
