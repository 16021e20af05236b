using System.Globalization;
using System.Text;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>The bits of every row against GNU binutils: words of a row must disassemble to the mnemonic in the row's name.</summary>
public sealed class EncodingTests
{
    private const int WordsPerRow = 6;

    // Rows whose mnemonic has suffixes chosen by operand bits (acquire, release, the "2" of upper halves, conditions), and hints.
    private static readonly string[] Suffixes = ["", "2", "a", "l", "al", "ab", "lb", "alb", "ah", "lh", "alh"];

    [Fact]
    public void Words_disassemble_to_the_mnemonic_of_their_row()
    {
        var words = RowCoverage.Rows.SelectMany(row => Enumerable.Range(0, WordsPerRow).Select(i => (Row: row, Word: CaseGenerator.Create(row, 16, i, 7).Word))).ToArray();
        var mnemonics = Disassemble(words.Select(one => one.Word).ToArray());
        var wrong = new List<string>();
        foreach (var ((row, word), mnemonic) in words.Zip(mnemonics))
        {
            if (!Agrees(row, mnemonic))
                wrong.Add($"{row.Name} {word:x8} is {mnemonic}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static bool Agrees(OpcodeInfo row, string mnemonic)
    {
        // Rows contain a few UNALLOCATED corners that their methods refuse; GoldenTests hold those to the oracle.
        if (mnemonic == ".inst")
            return true;
        var name = row.Name.Split('_')[0].ToLowerInvariant();
        if (mnemonic == name || row.Name.EndsWith("_hints", StringComparison.Ordinal))
            return true;
        if (row.Name == "B_only_condbranch")
            return mnemonic.StartsWith("b.", StringComparison.Ordinal);
        if (row.Name.EndsWith("_barriers", StringComparison.Ordinal))
            return true;

        // Atomics keep their size letter last: LDADDB with acquire is ldaddab. Exclusives: LDXRB with release is stlxrb.
        var stem = row.Group == "BaseAtomic" ? name.TrimEnd('b', 'h') : name;
        return Suffixes.Any(suffix => mnemonic == stem + suffix || mnemonic == name + suffix)
            || (row.Group == "BaseAtomic" && (mnemonic == name.Replace("ldx", "ldax", StringComparison.Ordinal) || mnemonic == name.Replace("stx", "stlx", StringComparison.Ordinal)));
    }

    private static IEnumerable<string> Disassemble(uint[] words)
    {
        var directory = Directory.CreateTempSubdirectory("cloudvm-encodings-");
        try
        {
            var source = Path.Combine(directory.FullName, "words.s");
            var binary = Path.Combine(directory.FullName, "words.o");
            var text = new StringBuilder(".arch armv8.6-a+sve2+sve2-bitperm+f64mm\n");
            foreach (var word in words)
                text.Append(CultureInfo.InvariantCulture, $".inst 0x{word:x8}\n");
            File.WriteAllText(source, text.ToString());
            QemuOracle.Execute("aarch64-linux-gnu-as", "-o", binary, source);
            var listing = QemuOracle.Execute("aarch64-linux-gnu-objdump", "-d", "-M", "no-aliases", binary);
            var lines = listing.Split('\n').Select(line => line.Split('\t')).Where(columns => columns.Length >= 3).Select(columns => columns[2].Split(' ')[0].Trim()).ToArray();
            Assert.Equal(words.Length, lines.Length);
            return lines;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
