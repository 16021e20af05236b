using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>A conversion to an integer: its rounding and the signedness of its result (FCVT{N,P,M,Z,A}{S,U}).</summary>
internal interface IFpToInteger
{
    static abstract FPRounding Rounding { get; }

    static abstract bool Unsigned { get; }
}

internal readonly struct ConvertNS : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.TieEven;

    public static bool Unsigned => false;
}

internal readonly struct ConvertNU : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.TieEven;

    public static bool Unsigned => true;
}

internal readonly struct ConvertPS : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.PosInf;

    public static bool Unsigned => false;
}

internal readonly struct ConvertPU : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.PosInf;

    public static bool Unsigned => true;
}

internal readonly struct ConvertMS : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.NegInf;

    public static bool Unsigned => false;
}

internal readonly struct ConvertMU : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.NegInf;

    public static bool Unsigned => true;
}

internal readonly struct ConvertZS : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.Zero;

    public static bool Unsigned => false;
}

internal readonly struct ConvertZU : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.Zero;

    public static bool Unsigned => true;
}

internal readonly struct ConvertAS : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.TieAway;

    public static bool Unsigned => false;
}

internal readonly struct ConvertAU : IFpToInteger
{
    public static FPRounding Rounding => FPRounding.TieAway;

    public static bool Unsigned => true;
}
