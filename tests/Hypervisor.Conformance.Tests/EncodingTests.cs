using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Encodings;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>The bits of every row against GNU binutils: words of a row must disassemble to the mnemonic in the row's name.</summary>
public sealed class EncodingTests
{
    private const int WordsPerRow = 6;

    [Fact]
    public void Words_disassemble_to_the_mnemonic_of_their_row()
    {
        var words = RowCoverage.Rows.SelectMany(row => Enumerable.Range(0, WordsPerRow).Select(i => (Row: row, Word: CaseGenerator.Create(row, 16, i, 7).Word))).ToArray();
        var listing = Binutils.Disassemble(words.Select(one => one.Word).ToArray());
        var wrong = new List<string>();
        foreach (var ((row, word), theirs) in words.Zip(listing))
        {
            // Rows contain a few UNALLOCATED corners that their methods refuse: AllocationTests know them.
            if (theirs.IsAllocated && !RowMnemonics.Agree(row, theirs.Mnemonic))
                wrong.Add($"{row.Name} {word:x8} is {theirs.Text}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }
}
