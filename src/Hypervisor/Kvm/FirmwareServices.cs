namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Which firmware services a VM's guests get: KVM_REG_ARM_STD_BMAP, STD_HYP_BMAP and VENDOR_HYP_BMAP, in this order. All are on at first.
/// </summary>
internal sealed class FirmwareServices
{
    /// <summary>Number of bitmaps.</summary>
    public const int Count = 3;

    private const int Standard = 0;
    private const int StandardHypervisor = 1;
    private const int VendorHypervisor = 2;

    private const ulong TrngBit = 1;
    private const ulong PvTimeBit = 1;
    private const ulong VendorFeaturesBit = 1;
    private const ulong VendorPtpBit = 2;

    private readonly ulong[] _bitmaps = [.. Offered];

    /// <summary>Bits that exist, by bitmap.</summary>
    public static ReadOnlySpan<ulong> Offered => [TrngBit, PvTimeBit, VendorFeaturesBit | VendorPtpBit];

    /// <summary>A bitmap as it stands.</summary>
    public ulong this[int bitmap]
    {
        get => _bitmaps[bitmap];
        set => _bitmaps[bitmap] = value;
    }

    /// <summary>TRNG 1.0 (DEN 0098).</summary>
    public bool HasTrng => (_bitmaps[Standard] & TrngBit) != 0;

    /// <summary>The functions of paravirtualised time (DEN 0057) may be asked about.</summary>
    public bool HasPvTime => (_bitmaps[StandardHypervisor] & PvTimeBit) != 0;

    /// <summary>The vendor's UID and list of functions.</summary>
    public bool HasVendorFeatures => (_bitmaps[VendorHypervisor] & VendorFeaturesBit) != 0;

    /// <summary>The vendor's clock pairing for PTP.</summary>
    public bool HasVendorPtp => (_bitmaps[VendorHypervisor] & VendorPtpBit) != 0;

    /// <summary>Bit n for the vendor's function n that is there: what its function 0 answers.</summary>
    public ulong VendorFunctions => _bitmaps[VendorHypervisor];
}
