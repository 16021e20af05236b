using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Mmu;

/// <summary>Result of a stage-1 translation for one privilege.</summary>
public struct Stage1Translation
{
    /// <summary>The intermediate physical address, page offset included.</summary>
    public ulong Ipa;

    public bool CanRead;
    public bool CanWrite;
    public bool CanFetch;

    /// <summary>The descriptor's GP: a guarded page, where indirect branches must find a landing pad (FEAT_BTI).</summary>
    public bool IsGuarded;

    /// <summary>Device memory: accesses must be aligned.</summary>
    public bool IsDevice;

    /// <summary>The MAIR_ELx attribute byte; 0 with stage 1 off.</summary>
    public byte Attributes;

    /// <summary>The descriptor's SH field.</summary>
    public byte Shareability;

    /// <summary>Level of the descriptor that maps the page, for permission faults.</summary>
    public byte Level;

    /// <summary>log2 of the bytes that the descriptor maps; 12 with stage 1 off.</summary>
    public byte MappedShift;

    /// <summary>The translation holds for every ASID: nG is clear.</summary>
    public bool IsGlobal;
}

/// <summary>
/// The EL1&amp;0 stage-1 table walk (pseudocode AArch64.S1Translate): granules of 4, 16 and 64 KiB, 48-bit virtual and 40-bit physical
/// addresses, hierarchical permissions, PAN, WXN, access flag and dirty state by hardware. Descriptors are little-endian; the
/// contiguous bit is a hint that is not taken.
/// </summary>
public static unsafe class Stage1Walker
{
    private const ulong SctlrM = 1UL << 0;
    private const ulong SctlrWxn = 1UL << 19;

    /// <summary>ID_AA64MMFR0_EL1.PARange.</summary>
    private const int PhysicalAddressBits = 40;

    private const ulong PhysicalAddressMask = (1UL << PhysicalAddressBits) - 1;
    private const ulong AddressMask = (1UL << 48) - 1;
    private const ulong DescriptorUserAccess = 1UL << 6;
    private const ulong DescriptorReadOnly = 1UL << 7;
    private const ulong DescriptorAccessFlag = 1UL << 10;
    private const ulong DescriptorNotGlobal = 1UL << 11;
    private const ulong DescriptorGuarded = 1UL << 50;
    private const ulong DescriptorDirtyManaged = 1UL << 51;
    private const ulong DescriptorPxn = 1UL << 53;
    private const ulong DescriptorUxn = 1UL << 54;
    private const ulong TablePxn = 1UL << 59;
    private const ulong TableUxn = 1UL << 60;
    private const ulong TableNoUserAccess = 1UL << 61;
    private const ulong TableReadOnly = 1UL << 62;

    /// <summary>
    /// Translates <paramref name="va"/> and reports what <paramref name="index"/> may do there. Permission is not judged here. On a
    /// fault returns false with <paramref name="status"/> holding the status code with its level.
    /// </summary>
    /// <param name="kind">
    /// With hardware management, an access that is permitted sets the descriptor's access flag, and a write its dirty state.
    /// </param>
    public static bool TryTranslate(
        CpuState* cpu, GuestMemory memory, ulong va, MmuIndex index, AccessKind kind, out Stage1Translation translation, out byte status)
    {
        var upper = (va >> 55 & 1) != 0;
        var ignoreTopByte = IgnoresTopByte(cpu->TcrEl1, upper, kind == AccessKind.Fetch);
        var address = ignoreTopByte ? (ulong)((long)(va << 8) >> 8) : va;
        translation = default;
        if ((cpu->SctlrEl1 & SctlrM) == 0)
            return TranslateFlat(ignoreTopByte ? va & 0x00ff_ffff_ffff_ffff : va, out translation, out status);

        var region = Region.Create(cpu->TcrEl1, upper);

        // All bits above the region's size must be copies of bit 55.
        if (region.Disabled || (long)address >> region.InputBits != (upper ? -1 : 0))
        {
            status = FaultStatus.Translation;
            return false;
        }

        return Walk(cpu, memory, address, upper, region, index, kind, out translation, out status);
    }

    /// <summary>TCR_EL1.TBI0 or TBI1, which TBID0 and TBID1 take back for instruction addresses.</summary>
    public static bool IgnoresTopByte(ulong tcr, bool upper, bool isFetch) =>
        (tcr >> (upper ? 38 : 37) & 1) != 0 && !(isFetch && (tcr >> (upper ? 52 : 51) & 1) != 0);

    /// <summary>Stage 1 off: addresses pass unchanged, data is Device-nGnRnE, everything is permitted.</summary>
    private static bool TranslateFlat(ulong va, out Stage1Translation translation, out byte status)
    {
        translation = new Stage1Translation { Ipa = va, CanRead = true, CanWrite = true, CanFetch = true, IsDevice = true, MappedShift = 12, IsGlobal = true };
        status = FaultStatus.AddressSize;
        return va <= PhysicalAddressMask;
    }

    private static bool Walk(
        CpuState* cpu, GuestMemory memory, ulong va, bool upper, Region region, MmuIndex index, AccessKind kind,
        out Stage1Translation translation, out byte status)
    {
        translation = default;
        var stride = region.GranuleBits - 3;
        var level = 4 - ((region.InputBits - region.GranuleBits + stride - 1) / stride);
        var shift = ((3 - level) * stride) + region.GranuleBits;
        var tableBits = region.InputBits - shift + 3;
        var table = (upper ? cpu->Ttbr1El1 : cpu->Ttbr0El1) & AddressMask & ~((1UL << Math.Max(tableBits, 6)) - 1);
        var entryMask = (1UL << (region.InputBits - shift)) - 1;
        ulong hierarchical = 0;
        if (table > region.OutputMask)
        {
            status = FaultStatus.AddressSize;
            return false;
        }

        while (true)
        {
            var entryAddress = table + (((va >> shift) & entryMask) << 3);
            if (!memory.TryAcquireRead(entryAddress, sizeof(ulong), out var pointer))
            {
                status = (byte)(FaultStatus.ExternalOnWalk | level);
                return false;
            }

            var descriptor = Volatile.Read(ref *(ulong*)pointer);
            var isTable = level < 3 && (descriptor & 3) == 3;
            if (!isTable && !IsLeaf(descriptor, level, region.GranuleBits))
            {
                status = (byte)(FaultStatus.Translation | level);
                return false;
            }

            var output = descriptor & AddressMask & ~((1UL << (isTable ? region.GranuleBits : shift)) - 1);
            if (output > region.OutputMask)
            {
                status = (byte)(FaultStatus.AddressSize | level);
                return false;
            }

            if (!isTable)
            {
                if (!Finish(cpu, va, descriptor, hierarchical, shift, index, out translation) && kind != AccessKind.Inspect)
                {
                    status = (byte)(FaultStatus.AccessFlag | level);
                    return false;
                }

                // Software changed the descriptor meanwhile: look again.
                if (!TryUpdate(cpu, memory, entryAddress, descriptor, kind, in translation))
                    continue;
                translation.Ipa = output | (va & ((1UL << shift) - 1));
                translation.Level = (byte)level;
                status = 0;
                return true;
            }

            if (!region.IgnoreHierarchy)
                hierarchical |= descriptor;
            table = output;
            level++;
            shift -= stride;
            entryMask = (1UL << stride) - 1;
        }
    }

    private static bool IsLeaf(ulong descriptor, int level, int granuleBits)
    {
        if (level == 3)
            return (descriptor & 3) == 3;
        return (descriptor & 3) == 1 && (level == 2 || (level == 1 && granuleBits == 12));
    }

    /// <summary>Works out attributes and permissions; false when the access flag is clear and software is to set it.</summary>
    private static bool Finish(
        CpuState* cpu, ulong va, ulong descriptor, ulong hierarchical, int shift, MmuIndex index, out Stage1Translation translation)
    {
        translation = default;
        if ((descriptor & DescriptorAccessFlag) == 0 && !ManagesAccessFlag(cpu))
            return false;

        // Where hardware manages the dirty state, read-only means clean.
        var writable = (hierarchical & TableReadOnly) == 0
            && ((descriptor & DescriptorReadOnly) == 0 || ((descriptor & DescriptorDirtyManaged) != 0 && ManagesDirtyState(cpu)));
        var user = (descriptor & DescriptorUserAccess) != 0 && (hierarchical & TableNoUserAccess) == 0;
        var neverWritableAndExecutable = (cpu->SctlrEl1 & SctlrWxn) != 0;
        translation.MappedShift = (byte)shift;
        translation.IsGlobal = (descriptor & DescriptorNotGlobal) == 0;
        translation.IsGuarded = (descriptor & DescriptorGuarded) != 0;
        if (index == MmuIndex.El0)
        {
            translation.CanRead = user;
            translation.CanWrite = user && writable;
            translation.CanFetch = (descriptor & DescriptorUxn) == 0 && (hierarchical & TableUxn) == 0
                && !(neverWritableAndExecutable && translation.CanWrite);
        }
        else
        {
            var data = index == MmuIndex.El1 || !user;
            translation.CanRead = data;
            translation.CanWrite = data && writable;

            // What EL0 can write, EL1 never executes, PAN or not.
            translation.CanFetch = (descriptor & DescriptorPxn) == 0 && (hierarchical & TablePxn) == 0
                && !(user && writable) && !(neverWritableAndExecutable && writable);
        }

        translation.Attributes = (byte)(cpu->MairEl1 >> (int)((descriptor >> 2 & 7) * 8));
        translation.Shareability = (byte)(descriptor >> 8 & 3);
        translation.IsDevice = (translation.Attributes & 0xf0) == 0;
        return true;
    }

    private static bool ManagesAccessFlag(CpuState* cpu) => (cpu->TcrEl1 >> 39 & 1) != 0;

    private static bool ManagesDirtyState(CpuState* cpu) => (cpu->TcrEl1 >> 39 & 3) == 3;

    /// <summary>
    /// Hardware update of the descriptor for an access that is permitted (pseudocode AArch64.S1Translate, FEAT_HAFDBS): one atomic
    /// replacement, false when the descriptor is no longer what was walked.
    /// </summary>
    private static bool TryUpdate(
        CpuState* cpu, GuestMemory memory, ulong entryAddress, ulong descriptor, AccessKind kind, in Stage1Translation translation)
    {
        var wanted = descriptor | DescriptorAccessFlag;
        if (kind == AccessKind.Write && (descriptor & DescriptorDirtyManaged) != 0 && ManagesDirtyState(cpu))
            wanted &= ~DescriptorReadOnly;
        var permitted = kind switch
        {
            AccessKind.Write => translation.CanWrite,
            AccessKind.Read => translation.CanRead,
            AccessKind.Inspect => false,
            _ => translation.CanFetch,
        };
        return wanted == descriptor || !permitted || !memory.TryAcquireStore(entryAddress, sizeof(ulong), out var pointer)
            || Interlocked.CompareExchange(ref *(ulong*)pointer, wanted, descriptor) == descriptor;
    }

    /// <summary>What TCR_EL1 says about one half of the address space.</summary>
    private readonly record struct Region(int InputBits, int GranuleBits, ulong OutputMask, bool Disabled, bool IgnoreHierarchy)
    {
        public static Region Create(ulong tcr, bool upper)
        {
            var size = (int)(tcr >> (upper ? 16 : 0) & 0x3f);
            var granule = (int)(tcr >> (upper ? 30 : 14) & 3);

            // TG0 and TG1 number the granules differently; the reserved values behave as 4 KiB.
            var granuleBits = upper
                ? granule switch { 1 => 14, 3 => 16, _ => 12 }
                : granule switch { 1 => 16, 2 => 14, _ => 12 };
            var outputBits = (int)(tcr >> 32 & 7) switch { 0 => 32, 1 => 36, _ => PhysicalAddressBits };

            // Sizes beyond what is implemented (no FEAT_LVA, no FEAT_TTST) behave as the nearest one that is.
            return new Region(
                64 - Math.Clamp(size, 16, 39),
                granuleBits,
                (1UL << outputBits) - 1,
                (tcr >> (upper ? 23 : 7) & 1) != 0,
                (tcr >> (upper ? 42 : 41) & 1) != 0);
        }
    }
}
