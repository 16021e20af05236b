using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Mmu;
using CloudVm.Hypervisor.Tests.Execute;

namespace CloudVm.Hypervisor.Tests.Mmu;

/// <summary>Access flag and dirty state by hardware, FEAT_HAFDBS: what the walk writes into descriptors, and when.</summary>
public sealed unsafe class HardwareManagementTests
{
    private const ulong Va = 0x1000;
    private const ulong Page = GuestProgram.Start + 0x10_0000;
    private const ulong Descriptor = GuestProgram.Tables + 0x2008;
    private const ulong AccessFlag = 1 << 10;
    private const ulong ReadOnly = 1 << 7;
    private const ulong UserAccess = 1 << 6;
    private const ulong DirtyManaged = 1UL << 51;
    private const ulong HardwareAccess = 1UL << 39;
    private const ulong HardwareDirty = 1UL << 40;

    [Fact]
    public void Without_it_a_clear_access_flag_faults_and_nothing_is_written()
    {
        using var guest = OnePage(Page | 3, 0);
        Assert.False(Translate(guest, AccessKind.Read, MmuIndex.El1, out _, out var status));
        Assert.Equal(FaultStatus.AccessFlag | 3, status);
        Assert.Equal(Page | 3, Peek(guest));
    }

    [Theory]
    [InlineData(AccessKind.Read)]
    [InlineData(AccessKind.Write)]
    [InlineData(AccessKind.Fetch)]
    public void The_first_access_sets_the_access_flag(AccessKind kind)
    {
        using var guest = OnePage(Page | 3, HardwareAccess);
        Assert.True(Translate(guest, kind, MmuIndex.El1, out _, out _));
        Assert.Equal(Page | 3 | AccessFlag, Peek(guest));
    }

    [Fact]
    public void An_access_without_permission_sets_nothing()
    {
        using var guest = OnePage(Page | 3 | DirtyManaged | ReadOnly, HardwareAccess | HardwareDirty);
        Assert.True(Translate(guest, AccessKind.Read, MmuIndex.El0, out var translation, out _));
        Assert.False(translation.CanRead);
        Assert.Equal(Page | 3 | DirtyManaged | ReadOnly, Peek(guest));
    }

    [Theory]
    [InlineData(DirtyManaged | ReadOnly | AccessFlag, HardwareAccess | HardwareDirty, true, DirtyManaged | AccessFlag)]
    [InlineData(DirtyManaged | ReadOnly, HardwareAccess | HardwareDirty, true, DirtyManaged | AccessFlag)]
    [InlineData(DirtyManaged | ReadOnly | AccessFlag, HardwareAccess, false, DirtyManaged | ReadOnly | AccessFlag)]
    [InlineData(DirtyManaged | ReadOnly | AccessFlag, HardwareDirty, false, DirtyManaged | ReadOnly | AccessFlag)] // HD needs HA
    [InlineData(ReadOnly | AccessFlag, HardwareAccess | HardwareDirty, false, ReadOnly | AccessFlag)]
    public void A_write_makes_a_managed_page_writable(ulong bits, ulong tcr, bool canWrite, ulong after)
    {
        using var guest = OnePage(Page | 3 | bits, tcr);
        Assert.True(Translate(guest, AccessKind.Write, MmuIndex.El1, out var translation, out _));
        Assert.Equal(canWrite, translation.CanWrite);
        Assert.Equal(Page | 3 | after, Peek(guest));
    }

    /// <summary>Loads leave the page clean though it counts as writable; the first store marks it, through the TLB that the load filled.</summary>
    [Fact]
    public void A_load_then_a_store_of_the_guest()
    {
        // ldr x0, [x1]; hvc #0; str x3, [x1]; hvc #0
        using var guest = OnePage(Page | 3 | DirtyManaged | ReadOnly, HardwareAccess | HardwareDirty);
        Poke(guest, GuestProgram.Tables + 8, GuestProgram.Start | 1 | AccessFlag);
        guest.Write(GuestProgram.Start, 0xf9400020, GuestProgram.Hvc0, 0xf9000023, GuestProgram.Hvc0);
        guest.Cpu->X[1] = Va;
        guest.Cpu->X[3] = 7;
        guest.Memory.StartDirtyEpoch();
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(Page | 3 | DirtyManaged | ReadOnly | AccessFlag, Peek(guest));
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(Page | 3 | DirtyManaged | AccessFlag, Peek(guest));
        Assert.Equal(7, guest.Read(Page, 1)[0]);

        // What the walk writes is a write to memory: a snapshot must see it.
        var dirty = new ulong[(guest.Memory.ChunkCount + 63) / 64];
        guest.Memory.CollectDirty(dirty);
        var chunk = (int)((Descriptor - guest.Memory.Base) / 65536);
        Assert.NotEqual(0UL, dirty[chunk >> 6] >> (chunk & 63) & 1);
    }

    [Fact]
    public void Address_translation_sets_no_dirty_state()
    {
        // at s1e1w, x1; hvc #0
        using var guest = OnePage(Page | 3 | DirtyManaged | ReadOnly | AccessFlag, HardwareAccess | HardwareDirty);
        Poke(guest, GuestProgram.Tables + 8, GuestProgram.Start | 1 | AccessFlag);
        guest.Write(GuestProgram.Start, 0xd5087821, GuestProgram.Hvc0);
        guest.Cpu->X[1] = Va;
        guest.Run();
        Assert.Equal(Page, guest.Cpu->ParEl1 & 0x0000_ffff_ffff_f001);
        Assert.Equal(Page | 3 | DirtyManaged | ReadOnly | AccessFlag, Peek(guest));
    }

    /// <summary>A page that a write would make writable is writable: EL1 may not execute what EL0 could write.</summary>
    [Theory]
    [InlineData(HardwareAccess, true)]
    [InlineData(HardwareAccess | HardwareDirty, false)]
    public void A_clean_page_counts_as_writable_for_execution(ulong tcr, bool canFetch)
    {
        using var guest = OnePage(Page | 3 | DirtyManaged | ReadOnly | UserAccess | AccessFlag, tcr);
        Assert.True(Translate(guest, AccessKind.Fetch, MmuIndex.El1, out var translation, out _));
        Assert.Equal(canFetch, translation.CanFetch);
    }

    /// <summary>ExclusiveMonitorsPass translates for writing before it asks the monitor: the page is dirty though nothing is stored.</summary>
    [Fact]
    public void A_store_exclusive_that_fails_makes_its_page_dirty()
    {
        // stxr w0, x2, [x1]; hvc #0
        using var guest = OnePage(Page | 3 | DirtyManaged | ReadOnly | AccessFlag, HardwareAccess | HardwareDirty);
        Poke(guest, GuestProgram.Tables + 8, GuestProgram.Start | 1 | AccessFlag);
        guest.Write(GuestProgram.Start, 0xc8007c22, GuestProgram.Hvc0);
        guest.Cpu->X[1] = Va;
        guest.Cpu->X[2] = 7;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(1UL, guest.Cpu->X[0]);
        Assert.Equal(Page | 3 | DirtyManaged | AccessFlag, Peek(guest));
        Assert.Equal(0, guest.Read(Page, 1)[0]);
    }

    [Fact]
    public void The_control_bits_exist_only_with_the_feature()
    {
        // msr tcr_el1, x0; mrs x1, tcr_el1; hvc #0
        using var without = new GuestProgram(CpuFeatures.All.Without(Feature.HAFDBS), 0xd5182040, 0xd5382041, GuestProgram.Hvc0);
        without.Cpu->X[0] = HardwareAccess | HardwareDirty | 25;
        without.Run();
        Assert.Equal(25UL, without.Cpu->X[1]);

        using var with = new GuestProgram(0xd5182040, 0xd5382041, GuestProgram.Hvc0);
        with.Cpu->X[0] = HardwareAccess | HardwareDirty | 25;
        with.Run();
        Assert.Equal(HardwareAccess | HardwareDirty | 25, with.Cpu->X[1]);
    }

    /// <summary>A 39-bit lower half whose first GiB has one page at <see cref="Va"/>.</summary>
    private static GuestProgram OnePage(ulong descriptor, ulong tcr)
    {
        var guest = new GuestProgram();
        guest.Cpu->Ttbr0El1 = GuestProgram.Tables;
        Poke(guest, GuestProgram.Tables, (GuestProgram.Tables + 0x1000) | 3);
        Poke(guest, GuestProgram.Tables + 0x1000, (GuestProgram.Tables + 0x2000) | 3);
        Poke(guest, Descriptor, descriptor);
        guest.Cpu->TcrEl1 = 25 | 1UL << 23 | 2UL << 32 | tcr;
        guest.Cpu->MairEl1 = 0xff;
        guest.Cpu->SctlrEl1 |= 1;
        return guest;
    }

    private static bool Translate(GuestProgram guest, AccessKind kind, MmuIndex index, out Stage1Translation translation, out byte status) =>
        Stage1Walker.TryTranslate(guest.Cpu, guest.Memory, Va, index, kind, out translation, out status);

    private static void Poke(GuestProgram guest, ulong address, ulong value) => guest.Write(address, (uint)value, (uint)(value >> 32));

    private static ulong Peek(GuestProgram guest) => BitConverter.ToUInt64(guest.Read(Descriptor, 8));
}
