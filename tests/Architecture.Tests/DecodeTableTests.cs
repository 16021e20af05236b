using CloudVm.Hypervisor.Isa;
using CloudVm.Testing;

namespace CloudVm.Architecture.Tests;

/// <summary>
/// The decode tables as files, and what was generated from them. That every row has a semantics method needs no test: the
/// generated handler table does not compile without it.
/// </summary>
public sealed class DecodeTableTests
{
    private const int WordsPerRow = 16;
    private const int RandomWords = 20_000;

    [Fact]
    public void Every_row_of_every_table_is_in_the_decoder()
    {
        var rows = TableFiles().SelectMany(file => File.ReadLines(file)
            .Where(line => line.Length != 0 && line[0] is not ('#' or ' '))
            .Select(line => $"{Path.GetFileNameWithoutExtension(file)} {line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]}"));
        var generated = Opcodes.Info.Skip(1).Select(row => $"{row.Group} {row.Name}");

        Assert.Equal(rows.Order(StringComparer.Ordinal), generated.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_table_row_is_gated_by_a_known_feature_and_fixes_bits_within_its_mask()
    {
        foreach (var row in Opcodes.Info.Skip(1))
        {
            Assert.True(Enum.IsDefined(row.Feature), row.Name);
            Assert.True((row.Value & ~row.Mask) == 0, row.Name);
        }
    }

    /// <summary>The tree against a plain search: what it finds must match, and no row that fixes more bits may match as well.</summary>
    [Fact]
    public void Decoder_finds_the_most_specific_row()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var failures = new List<string>();
        var unconstrained = Opcodes.Info.Skip(1).Where(row => row.Constraints.Length == 0).ToArray();
        var patterns = unconstrained.Select(row => (row.Mask, row.Value)).ToArray();

        foreach (var row in Opcodes.Info.Skip(1))
        {
            for (var i = 0; i < WordsPerRow; i++)
                Check(row.Value | ((uint)random.NextInt64() & ~row.Mask));
        }

        for (var i = 0; i < RandomWords; i++)
            Check((uint)random.NextInt64());
        Findings.AssertNone(failures.Distinct(StringComparer.Ordinal).Take(50).Select(failure => $"seed {seed}: {failure}"));

        void Check(uint word)
        {
            var found = Opcodes.Info[(int)Decoder.Decode(word)];
            if ((word & found.Mask) != found.Value)
                failures.Add($"{word:x8} is no {found.Name}");
            for (var i = 0; i < patterns.Length; i++)
            {
                var (mask, value) = patterns[i];
                if ((word & mask) == value && mask != found.Mask && (mask & found.Mask) == found.Mask)
                    failures.Add($"{unconstrained[i].Name} fixes more bits than {found.Name} (word {word:x8})");
            }
        }
    }

    private static IEnumerable<string> TableFiles() =>
        Directory.EnumerateFiles(RepositoryRoot.Combine("src", "Hypervisor", "Isa"), "*.decode", SearchOption.AllDirectories);
}
