namespace CloudVm.Hypervisor.Execute;

/// <summary>An atomic read-modify-write of 1 to 8 bytes; values are zero-extended, results are truncated by the caller.</summary>
internal interface IAtomicOperation
{
    /// <param name="bits">Width of the element, for signed comparison.</param>
    static abstract ulong Apply(ulong old, ulong operand, int bits);
}

internal readonly struct AtomicAdd : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => old + operand;
}

internal readonly struct AtomicClear : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => old & ~operand;
}

internal readonly struct AtomicEor : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => old ^ operand;
}

internal readonly struct AtomicSet : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => old | operand;
}

internal readonly struct AtomicSignedMax : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) =>
        (long)(old << (64 - bits)) >= (long)(operand << (64 - bits)) ? old : operand;
}

internal readonly struct AtomicSignedMin : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) =>
        (long)(old << (64 - bits)) <= (long)(operand << (64 - bits)) ? old : operand;
}

internal readonly struct AtomicUnsignedMax : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => Math.Max(old, operand);
}

internal readonly struct AtomicUnsignedMin : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => Math.Min(old, operand);
}

internal readonly struct AtomicSwap : IAtomicOperation
{
    public static ulong Apply(ulong old, ulong operand, int bits) => operand;
}
