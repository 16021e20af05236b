using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Conformance.Tests.Encodings;

/// <summary>A mnemonic that objdump knows in a feature, with a word of it.</summary>
internal readonly record struct KnownMnemonic(string Feature, string Mnemonic, uint Word);

/// <summary>
/// Every mnemonic that objdump knows, whether the engine does or not, in <c>Encodings/mnemonics.txt</c>. objdump has no list of
/// them, so they are searched for: from noise and from words of all rows, ever more neighbours of what was found.
/// </summary>
internal static partial class MnemonicInventory
{
    private const ulong Seed = 17;
    private const int NoiseWords = 4_000_000;
    private const int FarNeighbours = 100;
    private const int MaximumRounds = 30;
    private static readonly string SourcePath = RepositoryRoot.Combine("tests", "Hypervisor.Conformance.Tests", "Encodings", "mnemonics.txt");

    public static IReadOnlyList<KnownMnemonic> Read() =>
        File.ReadLines(SourcePath).Where(line => !line.StartsWith('#')).Select(line => line.Split(' '))
            .Select(parts => new KnownMnemonic(parts[0], parts[1], uint.Parse(parts[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture))).ToArray();

    /// <summary>The instruction with every number replaced: words of one shape need the same feature.</summary>
    public static string ShapeOf(Disassembly one) => one.Mnemonic + Numbers().Replace(one.Source[one.Mnemonic.Length..], "0");

    /// <summary>Searches anew and replaces the file.</summary>
    public static void Record()
    {
        var random = new CaseRandom(Seed);
        var shapes = new Dictionary<string, (uint Word, Disassembly Text)>(StringComparer.Ordinal);
        var added = Add(shapes, WordSample.Noise(NoiseWords, random).Concat(WordSample.AroundRows(20, random)));
        for (var round = 0; round < MaximumRounds && added.Count != 0; round++)
            added = Add(shapes, added.SelectMany(word => Neighbours(word, random)).ToArray());

        var found = shapes.Values.ToArray();
        var features = BinutilsFeatures.Find(Array.ConvertAll(found, one => one.Text.Source));
        var lines = found.Zip(features)
            .Where(pair => !AllocationRules.IsSystemSpace(pair.First.Word))
            .GroupBy(pair => (Feature: pair.Second, pair.First.Text.Mnemonic))
            .Select(group => new KnownMnemonic(group.Key.Feature.Replace(' ', '_'), group.Key.Mnemonic, group.Min(pair => pair.First.Word)))
            .OrderBy(one => one.Feature, StringComparer.Ordinal).ThenBy(one => one.Mnemonic, StringComparer.Ordinal);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Mnemonics of {Binutils.Version} outside the space of system instructions: feature, mnemonic, a word.\n# Found by MnemonicTests with CLOUDVM_RECORD_MNEMONICS=1, seed {Seed}.\n");
        foreach (var (feature, mnemonic, word) in lines)
            text.Append(CultureInfo.InvariantCulture, $"{feature} {mnemonic} {word:x8}\n");
        File.WriteAllText(SourcePath, text.ToString());
    }

    private static List<uint> Add(Dictionary<string, (uint Word, Disassembly Text)> shapes, IEnumerable<uint> words)
    {
        var added = new List<uint>();
        foreach (var chunk in words.Chunk(1_000_000))
        {
            var texts = Binutils.Disassemble(chunk);
            for (var i = 0; i < chunk.Length; i++)
            {
                if (texts[i].IsAllocated && shapes.TryAdd(ShapeOf(texts[i]), (chunk[i], texts[i])))
                    added.Add(chunk[i]);
            }
        }

        return added;
    }

    /// <summary>All words that differ in one or two bits, and some that differ in more.</summary>
    private static IEnumerable<uint> Neighbours(uint word, CaseRandom random)
    {
        for (var i = 0; i < 32; i++)
        {
            for (var j = i; j < 32; j++)
                yield return word ^ (1u << i) ^ (i == j ? 0 : 1u << j);
        }

        for (var i = 0; i < FarNeighbours; i++)
        {
            var changed = word;
            for (var flips = 3 + random.Below(5); flips > 0; flips--)
                changed ^= 1u << random.Below(32);
            yield return changed;
        }
    }

    [GeneratedRegex("0x[0-9a-f]+|[0-9]+")]
    private static partial Regex Numbers();
}
