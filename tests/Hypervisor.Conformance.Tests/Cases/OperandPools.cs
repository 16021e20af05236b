using System.Collections.Concurrent;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>
/// Interesting vector contents, made once per seed for every element width and style. Registers of cases are copies of pieces at
/// random places, since making every element of every register anew would cost more than running the case.
/// </summary>
internal sealed class OperandPools
{
    private const int Widths = 4;
    private const int PoolBytes = 1 << 17;
    private static readonly ConcurrentDictionary<ulong, Lazy<OperandPools>> Made = new();
    private readonly byte[][] _pools = new byte[Widths * OperandValues.Styles][];

    private OperandPools(ulong seed)
    {
        for (var i = 0; i < _pools.Length; i++)
        {
            var random = new CaseRandom(StateHash.Combine(seed, (ulong)i));
            _pools[i] = new byte[PoolBytes];
            OperandValues.Fill(_pools[i], 8 << (i / OperandValues.Styles), i % OperandValues.Styles, random);
        }
    }

    /// <summary>The pools of a seed. A run uses few seeds, but a long one must not keep them all.</summary>
    public static OperandPools Of(ulong seed)
    {
        if (Made.TryGetValue(seed, out var known))
            return known.Value;
        if (Made.Count > 8)
            Made.Clear();
        return Made.GetOrAdd(seed, static seed => new Lazy<OperandPools>(() => new OperandPools(seed))).Value;
    }

    /// <summary>Fills a register with elements of 8 &lt;&lt; <paramref name="widthLog"/> bits in a style of <see cref="OperandValues"/>.</summary>
    public void Fill(Span<byte> register, int widthLog, int style, CaseRandom random)
    {
        var pool = _pools[(widthLog * OperandValues.Styles) + style];
        var at = random.Below((PoolBytes - register.Length) / 8) * 8;
        pool.AsSpan(at, register.Length).CopyTo(register);
    }
}
