namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPZero.</summary>
    public static ulong FPZero<TFormat>(bool sign) where TFormat : struct, IFpFormat => sign ? SignBit<TFormat>() : 0;

    /// <summary>FPInfinity.</summary>
    public static ulong FPInfinity<TFormat>(bool sign) where TFormat : struct, IFpFormat =>
        FPZero<TFormat>(sign) | ((ulong)MaxBiasedExponent<TFormat>() << TFormat.FractionBits);

    /// <summary>FPMaxNormal.</summary>
    public static ulong FPMaxNormal<TFormat>(bool sign) where TFormat : struct, IFpFormat => FPInfinity<TFormat>(sign) - 1;

    /// <summary>FPDefaultNaN: positive, quiet, no payload.</summary>
    public static ulong FPDefaultNaN<TFormat>() where TFormat : struct, IFpFormat =>
        FPInfinity<TFormat>(false) | QuietBit<TFormat>();

    /// <summary>FPOne.</summary>
    public static ulong FPOne<TFormat>(bool sign) where TFormat : struct, IFpFormat =>
        FPZero<TFormat>(sign) | ((ulong)(-MinimumExponent<TFormat>() + 1) << TFormat.FractionBits);

    /// <summary>FPTwo.</summary>
    public static ulong FPTwo<TFormat>(bool sign) where TFormat : struct, IFpFormat =>
        FPOne<TFormat>(sign) + (1ul << TFormat.FractionBits);

    /// <summary>FPOnePointFive.</summary>
    public static ulong FPOnePointFive<TFormat>(bool sign) where TFormat : struct, IFpFormat =>
        FPOne<TFormat>(sign) | QuietBit<TFormat>();

    /// <summary>FPThree.</summary>
    public static ulong FPThree<TFormat>(bool sign) where TFormat : struct, IFpFormat =>
        FPTwo<TFormat>(sign) | QuietBit<TFormat>();

    /// <summary>FPNeg.</summary>
    public static ulong FPNeg<TFormat>(ulong op) where TFormat : struct, IFpFormat => op ^ SignBit<TFormat>();

    /// <summary>FPAbs.</summary>
    public static ulong FPAbs<TFormat>(ulong op) where TFormat : struct, IFpFormat => op & ~SignBit<TFormat>();
}
