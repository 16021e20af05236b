using CloudVm.Hypervisor.Conformance.Tests.Cases;

namespace CloudVm.Hypervisor.Conformance.Tests.Encodings;

/// <summary>Instruction words for comparisons of decoders.</summary>
internal static class WordSample
{
    /// <summary>Words without any structure: mostly of the instructions that use much of the encoding space.</summary>
    public static IEnumerable<uint> Noise(int count, CaseRandom random)
    {
        for (var i = 0; i < count; i++)
            yield return (uint)random.Next();
    }

    /// <summary>Words of every row, and neighbours that differ in one of the bits the row fixes: those show a wrong row.</summary>
    public static IEnumerable<uint> AroundRows(int wordsPerRow, CaseRandom random)
    {
        foreach (var row in RowCoverage.Rows)
        {
            for (var i = 0; i < wordsPerRow; i++)
                yield return Word(row, random);
            for (var bit = 0; bit < 32; bit++)
            {
                if ((row.Mask >> bit & 1) != 0)
                    yield return Word(row, random) ^ (1u << bit);
            }
        }
    }

    private static uint Word(Isa.OpcodeInfo row, CaseRandom random) => ((uint)random.Next() & ~row.Mask) | row.Value;
}
