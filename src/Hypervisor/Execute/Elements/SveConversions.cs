using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>A conversion of one element between formats, or between a format and an integer as wide as the other.</summary>
internal interface ISveConversion
{
    static abstract ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat;
}

internal readonly struct SveRoundByMode : ISveConversion
{
    public static ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        FPConvert<TFrom, TTo>(source, context.Rounding, ref context);
}

internal readonly struct SveRoundToOdd : ISveConversion
{
    public static ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        FPConvert<TFrom, TTo>(source, FPRounding.Odd, ref context);
}

/// <summary>To the integer of TTo's width that is next to zero, sign-extended.</summary>
internal readonly struct SveToSigned : ISveConversion
{
    public static ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        SveFromSigned.Extend<TTo>(FPToFixed<TFrom>(source, 0, unsigned: false, FPRounding.Zero, TTo.Width, ref context));
}

/// <summary>To the unsigned integer of TTo's width that is next to zero.</summary>
internal readonly struct SveToUnsigned : ISveConversion
{
    public static ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        FPToFixed<TFrom>(source, 0, unsigned: true, FPRounding.Zero, TTo.Width, ref context);
}

/// <summary>From the signed integer of TFrom's width.</summary>
internal readonly struct SveFromSigned : ISveConversion
{
    public static ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        FixedToFP<TTo>(Extend<TFrom>(source), 0, unsigned: false, context.Rounding, ref context);

    /// <summary>Sign-extends from a format's width.</summary>
    internal static ulong Extend<TFormat>(ulong value) where TFormat : struct, IFpFormat =>
        (ulong)((long)(value << (64 - TFormat.Width)) >> (64 - TFormat.Width));
}

/// <summary>From the unsigned integer of TFrom's width.</summary>
internal readonly struct SveFromUnsigned : ISveConversion
{
    public static ulong Convert<TFrom, TTo>(ulong source, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        FixedToFP<TTo>(source, 0, unsigned: true, context.Rounding, ref context);
}
