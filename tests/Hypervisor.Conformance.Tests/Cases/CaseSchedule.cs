using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Consecutive cases of a row at one vector length, whose results are recorded as one digest.</summary>
/// <param name="VectorBytes">Vector length in bytes.</param>
/// <param name="First">Index of the first case within that length.</param>
internal readonly record struct CaseBatch(int VectorBytes, int First);

/// <summary>How many cases of a row are recorded, at which lengths, and which FPCR each of them runs with.</summary>
internal static class CaseSchedule
{
    /// <summary>Fewest recorded cases of a row, over all of its vector lengths.</summary>
    public const int MinimumCases = 500;

    /// <summary>Cases per digest.</summary>
    public const int BatchCases = 6;

    /// <summary>Number of combinations of FPCR.RMode, FZ, DN and FZ16.</summary>
    public const int FpcrModes = 32;

    private const uint AlternativeHalfPrecision = 1u << 26;

    /// <summary>A row's batches: all of the first vector length, then of the next.</summary>
    public static IEnumerable<CaseBatch> BatchesOf(OpcodeInfo row)
    {
        var lengths = OracleExceptions.VectorLengths(row);
        var perLength = (MinimumCases + (lengths.Count * BatchCases) - 1) / (lengths.Count * BatchCases);
        foreach (var length in lengths)
        {
            for (var batch = 0; batch < perLength; batch++)
                yield return new CaseBatch(length, batch * BatchCases);
        }
    }

    /// <summary>
    /// The FPCR of a case: every fourth has the default, where most software runs; the others go through all modes, starting at
    /// another one for each vector length.
    /// </summary>
    public static uint Fpcr(int vectorBytes, int index, CaseRandom random)
    {
        if (index % 4 == 0)
            return 0;
        var mode = ((uint)index - ((uint)index / 4) - 1 + ((uint)vectorBytes * 7)) % FpcrModes;
        var alternative = random.OneIn(4) ? AlternativeHalfPrecision : 0;
        return ((mode & 1) << 24) | ((mode >> 1 & 1) << 25) | ((mode >> 2 & 1) << 19) | ((mode >> 3 & 3) << 22) | alternative;
    }

    /// <summary>The number of an FPCR's mode, from 0 to <see cref="FpcrModes"/> - 1.</summary>
    public static int ModeOf(uint fpcr) => (int)((fpcr >> 24 & 1) | (fpcr >> 25 & 1) << 1 | (fpcr >> 19 & 1) << 2 | (fpcr >> 22 & 3) << 3);
}
