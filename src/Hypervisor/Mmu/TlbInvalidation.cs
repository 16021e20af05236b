namespace CloudVm.Hypervisor.Mmu;

/// <summary>Which translations a TLB maintenance instruction drops.</summary>
public enum TlbScope : byte
{
    /// <summary>All of EL1 and EL0.</summary>
    All,

    /// <summary>Those of one ASID that are not global.</summary>
    Asid,

    /// <summary>A range of addresses in one ASID, and global ones.</summary>
    RangeOfAsid,

    /// <summary>A range of addresses in every ASID.</summary>
    Range,
}

/// <summary>
/// What a TLBI instruction of the EL1&amp;0 regime asks for. <see cref="Start"/> is a virtual address without its top byte,
/// <see cref="Length"/> in bytes. Forms for the last level only are treated as those for all levels: no intermediate entry is cached.
/// </summary>
public readonly record struct TlbInvalidation(TlbScope Scope, ushort Asid, ulong Start, ulong Length)
{
    private const ulong WithoutTopByte = 0x00ff_ffff_ffff_ffff;
    private const int PageShift = 12;

    /// <summary>Everything.</summary>
    public static TlbInvalidation Everything => default;

    /// <summary>
    /// Takes a TLBI apart. False when no EL1 form has this encoding. <paramref name="isBroadcast"/> tells the Inner and Outer Shareable
    /// forms, which reach all vCPUs.
    /// </summary>
    /// <param name="id">The instruction as op0:op1:CRn:CRm:op2.</param>
    /// <param name="value">The register operand.</param>
    /// <param name="wideAsid">TCR_EL1.AS: ASIDs have 16 bits instead of 8.</param>
    public static bool TryDecode(uint id, ulong value, bool wideAsid, out TlbInvalidation invalidation, out bool isBroadcast)
    {
        const uint TlbiEl1 = (1 << 14 | 8 << 7) >> 7;
        invalidation = default;
        isBroadcast = false;
        var op2 = id & 7;
        if (id >> 7 != TlbiEl1 || op2 is 4 or 6)
            return false;
        var crm = id >> 3 & 15;
        isBroadcast = crm is 1 or 2 or 3 or 5;
        var asid = (ushort)(wideAsid ? value >> 48 : value >> 48 & 0xff);
        var scope = op2 is 1 or 5 ? TlbScope.RangeOfAsid : TlbScope.Range;
        switch (crm)
        {
            case 1 or 3 or 7 when op2 == 0:
                return true;
            case 1 or 3 or 7 when op2 == 2:
                invalidation = new(TlbScope.Asid, asid, 0, 0);
                return true;
            case 1 or 3 or 7:
                invalidation = new(scope, asid, value << PageShift & WithoutTopByte, 1 << PageShift);
                return true;
            case 2 or 5 or 6 when (op2 & 1) != 0:
                invalidation = Range(value, scope, asid);
                return true;
            default:
                return false;
        }
    }

    /// <summary>FEAT_TLBIRANGE: BaseADDR[36:0], NUM[43:39], SCALE[45:44], TG[47:46].</summary>
    private static TlbInvalidation Range(ulong value, TlbScope scope, ushort asid)
    {
        const int BaseBits = 37;
        var granule = (int)(value >> 46 & 3) switch { 2 => 14, 3 => 16, _ => 12 };
        var scale = (int)(value >> 44 & 3);
        var count = (value >> 39 & 31) + 1;
        var start = (ulong)((long)(value << (64 - BaseBits)) >> (64 - BaseBits)) << granule;
        return new(scope, asid, start & WithoutTopByte, count << ((5 * scale) + 1) << granule);
    }
}
