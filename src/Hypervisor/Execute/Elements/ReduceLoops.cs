using System.Numerics;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Execute.Interpreter;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>An associative integer operation with the element that leaves others unchanged.</summary>
internal interface IIntReduction
{
    static virtual bool Signed => false;

    static abstract T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    static abstract T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;
}

/// <summary>A floating-point operation that is reduced over a tree, with the element that pads it.</summary>
internal interface IFpReduction
{
    static abstract ulong Identity<TFormat>() where TFormat : struct, IFpFormat;

    static abstract ulong Apply<TFormat>(ulong a, ulong b, ref FpContext context) where TFormat : struct, IFpFormat;
}

/// <summary>Immediate = the reduction of N's active elements, zero-extended.</summary>
internal readonly unsafe struct ReduceLoop<TOp> : IIntLoop where TOp : struct, IIntReduction
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var result = TOp.Identity<T>();
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                result = TOp.Apply(result, *(T*)(lanes.N + i));
        }

        lanes.Immediate = ulong.CreateTruncating(result);
    }
}

/// <summary>Immediate = the 64-bit sum of N's active elements, extended by their type.</summary>
internal readonly unsafe struct SumLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        ulong sum = 0;
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                sum += ulong.CreateTruncating(*(T*)(lanes.N + i));
        }

        lanes.Immediate = sum;
    }
}

/// <summary>Immediate = the pairwise tree over N, padded with the identity to a power of two (ReducePredicated).</summary>
internal readonly unsafe struct FpReduceLoop<TOp> : IFpLoop where TOp : struct, IFpReduction
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var elements = lanes.Bytes / (TFormat.Width / 8);
        var padded = (int)BitOperations.RoundUpToPowerOf2((uint)elements);
        var values = stackalloc ulong[128];
        for (var i = 0; i < padded; i++)
        {
            var active = i < elements && lanes.IsActive(i * (TFormat.Width / 8));
            values[i] = active ? LoadElement<TFormat>(lanes.N, i) : TOp.Identity<TFormat>();
        }

        lanes.Immediate = Tree<TFormat>(values, padded, ref context);
    }

    // Reduce() halves the vector and reduces the lower half before the upper, so flags and NaNs follow that order.
    private static ulong Tree<TFormat>(ulong* values, int count, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (count == 1)
            return values[0];
        var low = Tree<TFormat>(values, count / 2, ref context);
        var high = Tree<TFormat>(values + (count / 2), count / 2, ref context);
        return TOp.Apply<TFormat>(low, high, ref context);
    }
}

/// <summary>Immediate = Immediate + N's active elements, one after another.</summary>
internal readonly unsafe struct FpAccumulateLoop : IFpLoop
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        for (var i = 0; i < lanes.Bytes / (TFormat.Width / 8); i++)
        {
            if (lanes.IsActive(i * (TFormat.Width / 8)))
                lanes.Immediate = SoftFloat.FPAdd<TFormat>(lanes.Immediate, LoadElement<TFormat>(lanes.N, i), ref context);
        }
    }
}
