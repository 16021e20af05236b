using System.Globalization;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Encodings;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>
/// Which words are instructions, and of which name: the engine against objdump, on random words and on the neighbourhood of every
/// row. The ordinary run takes a sample that is always the same; with CLOUDVM_DIFFERENTIAL_SECONDS or CLOUDVM_SEED it is another.
/// </summary>
public sealed class AllocationTests(ITestOutputHelper output)
{
    private const ulong SampleSeed = 11;
    private const int NoiseWords = 200_000;
    private const int WordsPerRow = 10;
    private const int Examples = 5;

    [Fact]
    public void Engine_and_objdump_agree_on_what_is_an_instruction()
    {
        var seed = Seed();
        var random = new CaseRandom(seed);
        var words = WordSample.Noise(NoiseWords, random).Concat(WordSample.AroundRows(WordsPerRow, random)).ToArray();
        output.WriteLine($"CLOUDVM_SEED={seed}: {words.Length} words, {Binutils.Version}");
        var theirs = Binutils.Disassemble(words);
        using var prober = new AllocationProber();
        var lacking = new List<(uint Word, Disassembly Theirs)>();
        var explained = new Dictionary<string, int>(StringComparer.Ordinal);
        var failures = new List<(string Kind, string Text)>();
        for (var i = 0; i < words.Length; i++)
        {
            var word = words[i];
            var ours = prober.IsAllocated(word);
            var row = Opcodes.Info[(int)Decoder.Decode(word)];
            if (!ours && theirs[i].IsAllocated)
            {
                lacking.Add((word, theirs[i]));
            }
            else if (ours && !theirs[i].IsAllocated)
            {
                if (AllocationRules.ExplainSurplus(row, word) is { } reason)
                    Count(explained, reason);
                else
                    failures.Add((row.Name, $"{word:x8} is {row.Name}, but no instruction for objdump"));
            }
            else if (ours && !RowMnemonics.Agree(row, theirs[i].Mnemonic))
            {
                failures.Add((row.Name, $"{word:x8} is {row.Name}, but {theirs[i].Text} for objdump"));
            }
        }

        var known = MnemonicInventory.Read().Select(one => one.Mnemonic).ToHashSet(StringComparer.Ordinal);
        foreach (var (word, text) in words.Zip(theirs).Where(pair => pair.Second.IsAllocated && !AllocationRules.IsSystemSpace(pair.First) && !known.Contains(pair.Second.Mnemonic)))
            failures.Add((text.Mnemonic, $"{word:x8} is {text.Text}, which Encodings/mnemonics.txt lacks: run MnemonicTests with CLOUDVM_RECORD_MNEMONICS=1"));

        // Asking the assembler for every word would take long: one of each shape is enough.
        var shapes = lacking.GroupBy(one => MnemonicInventory.ShapeOf(one.Theirs)).ToArray();
        var features = BinutilsFeatures.Find(Array.ConvertAll(shapes, shape => shape.First().Theirs.Source));
        for (var i = 0; i < shapes.Length; i++)
        {
            foreach (var (word, text) in shapes[i])
            {
                if (AllocationRules.ExplainLacking(word, features[i]) is { } reason)
                    Count(explained, reason);
                else
                    failures.Add(($"{features[i]} {text.Mnemonic}", $"{word:x8} is UNDEFINED, but {text.Source} ({features[i]}) for objdump"));
            }
        }

        foreach (var (reason, count) in explained.OrderByDescending(pair => pair.Value))
            output.WriteLine($"{count,7} {reason}");
        var kinds = failures.GroupBy(failure => failure.Kind).SelectMany(kind => kind.Take(Examples)).Select(failure => failure.Text);
        Assert.True(failures.Count == 0, $"CLOUDVM_SEED={seed}: {failures.Count} words are not explained, such as\n{string.Join('\n', kinds)}");
    }

    private static void Count(Dictionary<string, int> counts, string reason) => counts[reason] = counts.GetValueOrDefault(reason) + 1;

    private static ulong Seed() =>
        Environment.GetEnvironmentVariable("CLOUDVM_SEED") is { Length: > 0 } text ? ulong.Parse(text, CultureInfo.InvariantCulture)
        : Environment.GetEnvironmentVariable("CLOUDVM_DIFFERENTIAL_SECONDS") is { Length: > 0 } ? (ulong)Random.Shared.NextInt64(1, 1_000_000_000)
        : SampleSeed;
}
