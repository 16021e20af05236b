namespace CloudVm.Hypervisor.Fp;

/// <summary>An IEEE 754 binary interchange format, as a type parameter: operations are written once and specialised per format.</summary>
public interface IFpFormat
{
    /// <summary>Width of the whole number in bits.</summary>
    static abstract int Width { get; }

    /// <summary>Number of stored fraction bits (F in the pseudocode).</summary>
    static abstract int FractionBits { get; }

    /// <summary>Number of exponent bits (E in the pseudocode).</summary>
    static abstract int ExponentBits { get; }
}

/// <summary>Half precision (16 bits).</summary>
public readonly struct Binary16 : IFpFormat
{
    public static int Width => 16;
    public static int FractionBits => 10;
    public static int ExponentBits => 5;
}

/// <summary>Single precision (32 bits).</summary>
public readonly struct Binary32 : IFpFormat
{
    public static int Width => 32;
    public static int FractionBits => 23;
    public static int ExponentBits => 8;
}

/// <summary>Double precision (64 bits).</summary>
public readonly struct Binary64 : IFpFormat
{
    public static int Width => 64;
    public static int FractionBits => 52;
    public static int ExponentBits => 11;
}
