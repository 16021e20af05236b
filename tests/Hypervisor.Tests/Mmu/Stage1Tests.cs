using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;
using CloudVm.Hypervisor.Tests.Execute;

namespace CloudVm.Hypervisor.Tests.Mmu;

/// <summary>Stage-1 translation through real tables in guest memory.</summary>
public sealed unsafe class Stage1Tests
{
    private const ulong Valid = 1;
    private const ulong TableOrPage = 3;
    private const ulong AccessFlag = 1 << 10;
    private const ulong UserAccess = 1 << 6;
    private const ulong ReadOnly = 1 << 7;
    private const ulong Pxn = 1UL << 53;
    private const ulong Uxn = 1UL << 54;
    private const ulong Page = GuestProgram.Start + 0x10_0000;

    /// <summary>One page at the top of a 48-bit lower half, in each granule, through every level of table.</summary>
    [Theory]
    [InlineData(0, 12)]
    [InlineData(2, 14)]
    [InlineData(1, 16)]
    public void Walks_every_level_in_each_granule(uint tg0, int granuleBits)
    {
        using var guest = new GuestProgram();
        const ulong Va = 0x0000_8123_4567_0000;
        var stride = granuleBits - 3;
        var levels = (48 - granuleBits + stride - 1) / stride;
        var table = GuestProgram.Tables;
        guest.Cpu->Ttbr0El1 = table;
        for (var level = 4 - levels; level < 4; level++)
        {
            var shift = granuleBits + ((3 - level) * stride);
            var bits = level == 4 - levels ? 48 - shift : stride;
            var next = table + (1UL << granuleBits);
            Poke(guest, table + ((Va >> shift & (1UL << bits) - 1) * 8), level == 3 ? Page | TableOrPage | AccessFlag : next | TableOrPage);
            table = next;
        }

        Enable(guest, 16 | (ulong)tg0 << 14);
        Assert.True(Translate(guest, Va + 0x123, MmuIndex.El1, out var translation, out _));
        Assert.Equal(Page + 0x123, translation.Ipa);
        Assert.Equal(granuleBits, translation.MappedShift);
        Assert.False(Translate(guest, Va + (1UL << granuleBits), MmuIndex.El1, out _, out var status));
        Assert.Equal(FaultStatus.Translation | 3, status);
    }

    [Theory]
    [InlineData(0UL, true, true, true, false, false, true)]
    [InlineData(UserAccess, true, true, false, true, true, true)]
    [InlineData(ReadOnly, true, false, true, false, false, true)]
    [InlineData(UserAccess | ReadOnly, true, false, true, true, false, true)]
    [InlineData(UserAccess | ReadOnly | Pxn, true, false, false, true, false, true)]
    [InlineData(UserAccess | ReadOnly | Uxn, true, false, true, true, false, false)]
    public void Permissions_follow_the_descriptor(ulong bits, bool read1, bool write1, bool fetch1, bool read0, bool write0, bool fetch0)
    {
        using var guest = OnePage(Page | TableOrPage | AccessFlag | bits);
        Assert.True(Translate(guest, 0x1000, MmuIndex.El1, out var el1, out _));
        Assert.Equal((read1, write1, fetch1), (el1.CanRead, el1.CanWrite, el1.CanFetch));
        Assert.True(Translate(guest, 0x1000, MmuIndex.El0, out var el0, out _));
        Assert.Equal((read0, write0, fetch0), (el0.CanRead, el0.CanWrite, el0.CanFetch));
        Assert.True(Translate(guest, 0x1000, MmuIndex.El1Pan, out var pan, out _));
        Assert.Equal(read1 && !read0, pan.CanRead);
    }

    [Theory]
    [InlineData(0UL, FaultStatus.Translation | 3)]
    [InlineData(Page | 1 | AccessFlag, FaultStatus.Translation | 3)] // block encoding at level 3
    [InlineData(Page | TableOrPage, FaultStatus.AccessFlag | 3)]
    [InlineData(0x0000_8000_0000_0000 | TableOrPage | AccessFlag, FaultStatus.AddressSize | 3)]
    public void Bad_descriptors_give_their_fault_and_level(ulong descriptor, int expected)
    {
        using var guest = OnePage(descriptor);
        Assert.False(Translate(guest, 0x1000, MmuIndex.El1, out _, out var status));
        Assert.Equal(expected, status);
    }

    [Fact]
    public void Hierarchical_restrictions_apply_unless_disabled()
    {
        const ulong TableReadOnly = 1UL << 62;
        using var guest = OnePage(Page | TableOrPage | AccessFlag, TableReadOnly);
        Assert.True(Translate(guest, 0x1000, MmuIndex.El1, out var restricted, out _));
        Assert.False(restricted.CanWrite);
        guest.Cpu->TcrEl1 |= 1UL << 41;
        Assert.True(Translate(guest, 0x1000, MmuIndex.El1, out var free, out _));
        Assert.True(free.CanWrite);
    }

    [Fact]
    public void Top_byte_is_ignored_only_where_tcr_says()
    {
        using var guest = OnePage(Page | TableOrPage | AccessFlag);
        Assert.False(Translate(guest, 0x5a00_0000_0000_1000, MmuIndex.El1, out _, out var status));
        Assert.Equal(FaultStatus.Translation, status);
        guest.Cpu->TcrEl1 |= 1UL << 37;
        Assert.True(Translate(guest, 0x5a00_0000_0000_1000, MmuIndex.El1, out var translation, out _));
        Assert.Equal(Page, translation.Ipa);
    }

    [Fact]
    public void Tables_outside_ram_are_an_external_abort_on_the_walk()
    {
        using var guest = OnePage(0);
        guest.Cpu->Ttbr0El1 = 0x1000;
        Assert.False(Translate(guest, 0x1000, MmuIndex.El1, out _, out var status));
        Assert.Equal(FaultStatus.ExternalOnWalk | 1, status);
    }

    /// <summary>An EL0 store to a read-only page: ESR, FAR, and nothing stored.</summary>
    [Fact]
    public void Permission_fault_of_el0_reaches_el1()
    {
        // str w3, [x1, #4]
        using var guest = new GuestProgram();
        guest.MapIdentity();
        guest.StopAtVectors();
        guest.Write(GuestProgram.Start, 0xb9000423);
        Poke(guest, GuestProgram.Tables + 8, GuestProgram.Start | 1 | AccessFlag | UserAccess | ReadOnly);
        guest.Cpu->El = 0;
        guest.Cpu->X[1] = Page;
        guest.Cpu->X[3] = 1;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0x9200_004dUL, guest.Cpu->EsrEl1);
        Assert.Equal(Page + 4, guest.Cpu->FarEl1);
        Assert.Equal(new byte[8], guest.Read(Page, 8));
    }

    /// <summary>TLBI by address of one page must drop all of the block that maps it.</summary>
    [Fact]
    public void Tlbi_of_any_address_in_a_block_drops_the_block()
    {
        // str x3, [x1]; tlbi vae1is, x0; dsb ish; str x3, [x1]
        using var guest = new GuestProgram(0xf9000023, 0xd5088320, 0xd5033b9f, 0xf9000023);
        guest.MapIdentity();
        guest.StopAtVectors();
        guest.Cpu->X[0] = (Page + 0x20_0000) >> 12;

        // The first store fills the TLB from the block; it hits the descriptor itself and makes it read-only.
        guest.Cpu->X[1] = GuestProgram.Tables + 8;
        guest.Cpu->X[3] = GuestProgram.Start | Valid | AccessFlag | ReadOnly;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0x9600_004dUL, guest.Cpu->EsrEl1);
        Assert.Equal(GuestProgram.Start + 12, guest.Cpu->ElrEl1);
    }

    [Fact]
    public void Address_translation_instruction_reports_in_par()
    {
        // at s1e1r, x0; mrs x0, par_el1; hvc #0
        using var guest = new GuestProgram(0xd5087800, 0xd5387400, GuestProgram.Hvc0);
        guest.MapIdentity();
        guest.Cpu->X[0] = Page + 0x345;
        guest.Run();
        Assert.Equal(0xff00_0000_0000_0b80 | Page & ~0xfffUL, guest.Cpu->X[0] | 0x300);

        guest.Cpu->Pc = GuestProgram.Start;
        guest.Cpu->X[0] = 0x1000;
        guest.Run();
        Assert.Equal(0x80bUL, guest.Cpu->X[0]);
    }

    [Theory]
    [InlineData(0xff, 3UL)] // Write-Back: as the descriptor says, Inner Shareable
    [InlineData(0x44, 2UL)] // Non-cacheable: Outer Shareable whatever it says
    [InlineData(0x04, 2UL)] // Device
    public void Par_reports_the_effective_shareability(byte attributes, ulong shareability)
    {
        // at s1e1r, x0; mrs x0, par_el1; hvc #0
        using var guest = OnePage(Page | TableOrPage | AccessFlag | 3 << 8 | 1 << 2);
        Poke(guest, GuestProgram.Tables + 8, GuestProgram.Start | Valid | AccessFlag);
        guest.Cpu->MairEl1 = 0xff | (ulong)attributes << 8;
        guest.Write(GuestProgram.Start, 0xd5087800, 0xd5387400, GuestProgram.Hvc0);
        guest.Cpu->X[0] = 0x1000;
        guest.Run();
        Assert.Equal(attributes, guest.Cpu->X[0] >> 56);
        Assert.Equal(shareability, guest.Cpu->X[0] >> 7 & 3);
    }

    /// <summary>Maintenance by address is translated: to clean asks for reading, to invalidate for writing; a fault says CM and WnR.</summary>
    [Theory]
    [InlineData(0xd50b7a21, 0x1000UL, 0UL)] // dc cvac, x1
    [InlineData(0xd50b7a21, 0x2000UL, 0x9600_0147UL)]
    [InlineData(0xd50b7b21, 0x2000UL, 0x9600_0147UL)] // dc cvau, x1
    [InlineData(0xd50b7e21, 0x2000UL, 0x9600_0147UL)] // dc civac, x1
    [InlineData(0xd5087621, 0x1000UL, 0x9600_014fUL)] // dc ivac, x1
    [InlineData(0xd50b7521, 0x1000UL, 0UL)] // ic ivau, x1
    [InlineData(0xd50b7521, 0x2000UL, 0x9600_0147UL)]
    public void Cache_maintenance_by_address_faults_as_an_access_would(uint word, ulong va, ulong esr)
    {
        using var guest = OnePage(Page | TableOrPage | AccessFlag | ReadOnly);
        Poke(guest, GuestProgram.Tables + 8, GuestProgram.Start | Valid | AccessFlag);
        guest.StopAtVectors();
        guest.Write(GuestProgram.Start, word, GuestProgram.Hvc0);
        guest.Cpu->X[1] = va;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(esr, guest.Cpu->EsrEl1);
        Assert.Equal(esr == 0 ? 0 : va, guest.Cpu->FarEl1);
    }

    /// <summary>A 39-bit lower half with 4 KiB pages that maps 0x1000 by <paramref name="descriptor"/>.</summary>
    private static GuestProgram OnePage(ulong descriptor, ulong levelOneBits = 0)
    {
        var guest = new GuestProgram();
        guest.Cpu->Ttbr0El1 = GuestProgram.Tables;
        Poke(guest, GuestProgram.Tables, GuestProgram.Tables + 0x1000 | TableOrPage | levelOneBits);
        Poke(guest, GuestProgram.Tables + 0x1000, GuestProgram.Tables + 0x2000 | TableOrPage);
        Poke(guest, GuestProgram.Tables + 0x2008, descriptor);
        Enable(guest, 25);
        return guest;
    }

    // 44-bit outputs, so that an address-size fault can be provoked.
    private static void Enable(GuestProgram guest, ulong tcr)
    {
        guest.Cpu->TcrEl1 = tcr | 1UL << 23 | 4UL << 32;
        guest.Cpu->MairEl1 = 0xff;
        guest.Cpu->SctlrEl1 |= 1;
    }

    private static void Poke(GuestProgram guest, ulong address, ulong value) => guest.Write(address, (uint)value, (uint)(value >> 32));

    private static bool Translate(GuestProgram guest, ulong va, MmuIndex index, out Stage1Translation translation, out byte status, AccessKind kind = AccessKind.Read) =>
        Stage1Walker.TryTranslate(guest.Cpu, guest.Memory, va, index, kind, out translation, out status);
}
