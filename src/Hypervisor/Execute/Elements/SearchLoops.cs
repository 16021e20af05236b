using System.Numerics;
using System.Runtime.Intrinsics;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// Predicate D = whether each active element of N occurs in the same 128-bit segment of M: MATCH; with <see cref="Lanes.Shift"/> 1,
/// whether it does not.
/// </summary>
internal readonly unsafe struct MatchLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (!lanes.IsActive(i))
                continue;
            var occurs = Vector128.EqualsAny(Vector128.Load((T*)(lanes.M + (i & ~15))), Vector128.Create(*(T*)(lanes.N + i)));
            if (occurs != (lanes.Shift == 1))
                lanes.D[i >> 3] |= (byte)(1 << (i & 7));
        }
    }
}

/// <summary>
/// D = how often each active element of N occurs among the active elements of M up to its own position, zero where inactive: HISTCNT.
/// D must not be N or M.
/// </summary>
internal readonly unsafe struct HistogramLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            var count = T.Zero;
            for (var j = 0; j <= i && lanes.IsActive(i); j += sizeof(T))
            {
                if (lanes.IsActive(j) && *(T*)(lanes.M + j) == *(T*)(lanes.N + i))
                    count++;
            }

            *(T*)(lanes.D + i) = count;
        }
    }
}
