using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// CLIDR_EL1 and CCSIDR_EL1 as a kernel generation shows them: the host's caches, or a description made up from CTR_EL0, since the real one
/// differs between the CPUs that a vCPU may run on.
/// </summary>
internal static class CacheGeometry
{
    /// <summary>Values of CSSELR_EL1 that DEMUX knows: seven levels, data or unified and instruction.</summary>
    public const uint SelectorCount = 14;

    /// <summary>CCSIDR_EL1.LineSize of 64 bytes: log2(bytes) - 4.</summary>
    private const uint LineOf64Bytes = 2;

    private const int CtypeBits = 3;
    private const ulong CtypeInstruction = 1;
    private const ulong CtypeData = 2;
    private const ulong CtypeSeparate = 3;
    private const ulong CtypeUnified = 4;
    private const int LouisShift = 21;
    private const int LocShift = 24;
    private const int LouuShift = 27;

    /// <summary>CLIDR_EL1[46:0] may be set where it can be set at all.</summary>
    public const ulong ClidrWritable = 0x7fff_ffff_ffff;

    private const ulong FabricatedClidr =
        CtypeInstruction | (CtypeUnified << CtypeBits) | (1ul << LouisShift) | (2ul << LocShift) | (1ul << LouuShift);

    /// <summary>
    /// Without fabrication the host's. With it, CTR_EL0.IDC set and DIC clear leave an instruction cache to be invalidated to the point of
    /// unification, and a unified cache behind it.
    /// </summary>
    public static ulong Clidr(AbiProfile abi, HostFacts facts) => abi.CachesAreFabricated ? FabricatedClidr : HostClidr(facts.CacheCount);

    /// <summary>Whether DEMUX has a register for a value of CSSELR_EL1.</summary>
    public static bool IsSelectable(AbiProfile abi, HostFacts facts, uint selector)
    {
        if (selector >= SelectorCount)
            return false;
        if (abi.CachesAreFabricated)
            return true;
        var type = HostClidr(facts.CacheCount) >> ((int)(selector >> 1) * CtypeBits) & 7;
        return (selector & 1) == 0 ? type is CtypeData or CtypeSeparate or CtypeUnified : type is CtypeInstruction or CtypeSeparate;
    }

    /// <summary>CCSIDR_EL1 of a cache: one set and one way where it is made up.</summary>
    public static uint Ccsidr(AbiProfile abi, HostFacts facts, uint selector)
    {
        const uint Level1 = (255 << 13) | (3 << 3) | LineOf64Bytes; // 64 KiB in 4 ways
        const uint Unified = (1023 << 13) | (7 << 3) | LineOf64Bytes; // 512 KiB in 8 ways
        if (abi.CachesAreFabricated)
            return LineOf64Bytes;
        return !IsSelectable(abi, facts, selector) ? 0 : selector <= 1 ? Level1 : Unified;
    }

    /// <summary>set_ccsidr: lines may not be shorter than CTR_EL0 says.</summary>
    public static bool IsSettable(uint ccsidr) => (ccsidr & 7) >= LineOf64Bytes;

    private static ulong HostClidr(int caches)
    {
        if (caches == 0)
            return 0;
        var levels = Math.Max(caches - 1, 1);
        var clidr = (caches == 1 ? CtypeData : CtypeSeparate) | ((ulong)levels << LocShift);
        for (var level = 2; level <= levels; level++)
            clidr |= CtypeUnified << ((level - 1) * CtypeBits);
        return clidr;
    }
}
