namespace CloudVm.Hypervisor.Execute;

/// <summary>A two-operand logical operation.</summary>
internal interface ILogicalOperation
{
    /// <summary>Whether the operation sets the flags; Rd is then never SP.</summary>
    static abstract bool SetsFlags { get; }

    static abstract ulong Apply(ulong x, ulong y);
}

internal readonly struct LogicalAnd : ILogicalOperation
{
    public static bool SetsFlags => false;

    public static ulong Apply(ulong x, ulong y) => x & y;
}

internal readonly struct LogicalBic : ILogicalOperation
{
    public static bool SetsFlags => false;

    public static ulong Apply(ulong x, ulong y) => x & ~y;
}

internal readonly struct LogicalOrr : ILogicalOperation
{
    public static bool SetsFlags => false;

    public static ulong Apply(ulong x, ulong y) => x | y;
}

internal readonly struct LogicalOrn : ILogicalOperation
{
    public static bool SetsFlags => false;

    public static ulong Apply(ulong x, ulong y) => x | ~y;
}

internal readonly struct LogicalEor : ILogicalOperation
{
    public static bool SetsFlags => false;

    public static ulong Apply(ulong x, ulong y) => x ^ y;
}

internal readonly struct LogicalEon : ILogicalOperation
{
    public static bool SetsFlags => false;

    public static ulong Apply(ulong x, ulong y) => x ^ ~y;
}

internal readonly struct LogicalAnds : ILogicalOperation
{
    public static bool SetsFlags => true;

    public static ulong Apply(ulong x, ulong y) => x & y;
}

internal readonly struct LogicalBics : ILogicalOperation
{
    public static bool SetsFlags => true;

    public static ulong Apply(ulong x, ulong y) => x & ~y;
}
