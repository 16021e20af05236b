using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Tests.Mmu;

public sealed unsafe class TlbTests
{
    [Fact]
    public void Entries_of_a_large_page_go_together_and_others_stay()
    {
        using var tlb = new Tlb();
        const ulong Block = 0xffff_0000_4020_0000;
        const ulong Elsewhere = 0xffff_8000_0000_5000;
        Fill(tlb, Block + 0x3000, 21);
        Fill(tlb, Block + 0x9_0000, 21);
        Fill(tlb, Block + 0x40_1000, 21);
        Fill(tlb, Elsewhere, 12);
        tlb.Invalidate(new(TlbScope.Range, 0, Block & 0x00ff_ffff_ffff_ffff, 0x1000));
        Assert.Equal(TlbEntry.Empty, tlb.Entry(MmuIndex.El1, Block + 0x3000)->ReadTag);
        Assert.Equal(TlbEntry.Empty, tlb.Entry(MmuIndex.El1, Block + 0x9_0000)->ReadTag);
        Assert.Equal(Elsewhere, tlb.Entry(MmuIndex.El1, Elsewhere)->ReadTag);
    }

    [Fact]
    public void A_range_beyond_the_table_covers_every_entry_in_it()
    {
        using var tlb = new Tlb();
        Fill(tlb, 0x7f00_0000_0000, 12);
        Fill(tlb, 0x7f00_4000_5000, 12);
        tlb.Invalidate(new(TlbScope.Range, 0, 0x7f00_0000_1000, 0x1_0000_0000));
        Assert.Equal(0x7f00_0000_0000UL, tlb.Entry(MmuIndex.El1, 0x7f00_0000_0000)->ReadTag);
        Assert.Equal(TlbEntry.Empty, tlb.Entry(MmuIndex.El1, 0x7f00_4000_5000)->ReadTag);
    }

    [Theory]
    [InlineData(1UL | 1UL << 46, 0x1000UL, 0x2000UL)]
    [InlineData(1UL | 1UL << 39 | 1UL << 46, 0x1000UL, 0x4000UL)]
    [InlineData(1UL | 31UL << 39 | 3UL << 44 | 1UL << 46, 0x1000UL, 0x2000UL << 20)]
    [InlineData(1UL | 3UL << 46, 0x1_0000UL, 0x2_0000UL)]
    [InlineData(0x1f_ffff_ffffUL | 1UL << 46, 0x00ff_ffff_ffff_f000UL, 0x2000UL)]
    public void Range_operands_follow_tlbirange(ulong operand, ulong start, ulong length)
    {
        const uint Rvaae1is = 1 << 14 | 8 << 7 | 2 << 3 | 3;
        Assert.True(TlbInvalidation.TryDecode(Rvaae1is, operand, true, out var invalidation, out var isBroadcast));
        Assert.True(isBroadcast);
        Assert.Equal(new TlbInvalidation(TlbScope.Range, 0, start, length), invalidation with { Asid = 0 });
    }

    [Fact]
    public void Eight_bit_asids_ignore_the_upper_half_of_the_operand()
    {
        const uint Aside1 = 1 << 14 | 8 << 7 | 7 << 3 | 2;
        Assert.True(TlbInvalidation.TryDecode(Aside1, 0x1234UL << 48, false, out var narrow, out _));
        Assert.Equal(0x34, narrow.Asid);
        Assert.True(TlbInvalidation.TryDecode(Aside1, 0x1234UL << 48, true, out var wide, out _));
        Assert.Equal(0x1234, wide.Asid);
    }

    [Fact]
    public void A_log_that_was_overtaken_says_so()
    {
        var log = new MaintenanceLog();
        for (var i = 1; i <= 300; i++)
            Assert.Equal(i, log.Append(new(MaintenanceKind.Tlb, new(TlbScope.Asid, (ushort)i, 0, 0))));
        Assert.False(log.TryRead(1, out _));
        Assert.False(log.TryRead(44, out _));
        Assert.True(log.TryRead(60, out var request));
        Assert.Equal(60, request.Tlb.Asid);
    }

    private static void Fill(Tlb tlb, ulong va, int shift)
    {
        tlb.NoteFill(MmuIndex.El1, va, shift, isGlobal: true);
        tlb.Entry(MmuIndex.El1, va)->ReadTag = va & Tlb.PageMask;
    }
}
