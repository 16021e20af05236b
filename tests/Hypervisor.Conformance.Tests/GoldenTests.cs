using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Conformance.Tests.Goldens;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>The interpreter against results of qemu-aarch64 recorded in <c>Goldens/goldens.bin</c>; needs no QEMU.</summary>
public sealed class GoldenTests
{
    private static readonly Lazy<GoldenFile> Goldens = new(Load);

    public static TheoryData<string> Groups => new(RowCoverage.Rows.Select(row => row.Group).Distinct());

    [Theory]
    [MemberData(nameof(Groups))]
    public void Engine_agrees_with_recorded_results(string group)
    {
        var failures = RowCoverage.ComparableRows.Where(row => row.Group == group).Select(Check).OfType<string>().ToArray();
        Assert.True(failures.Length == 0, string.Join('\n', failures));
    }

    /// <summary>What is wrong with a row, or null.</summary>
    private static string? Check(OpcodeInfo row)
    {
        var expected = Goldens.Value.Find(row.Name);
        if (expected is null)
            return $"{row.Name} has no recorded results: run these tests once with CLOUDVM_RECORD_GOLDENS=1.";

        using var runner = new InterpreterRunner();
        var index = 0;
        foreach (var input in GoldenFile.CasesOf(row))
        {
            if (index >= expected.Length || runner.Run(input).Digest() != expected[index])
                return Explain(row, input);
            index++;
        }

        return index == expected.Length ? null : $"{row.Name} has {expected.Length} recorded results for {index} cases: record them again.";
    }

    private static string Explain(OpcodeInfo row, MachineRecord input)
    {
        var text = $"{row.Name} {input.Word:x8} at VL {input.VectorBytes * 8} differs from the recorded result.";
        if (QemuOracle.Version is null)
            return text;
        using var runner = new InterpreterRunner();
        return $"{text}\n{new Disagreement(row, input, runner.Run(input), QemuOracle.Run([input])[0])}";
    }

    private static GoldenFile Load()
    {
        if (Environment.GetEnvironmentVariable("CLOUDVM_RECORD_GOLDENS") == "1")
        {
            Record();
            File.Copy(GoldenFile.SourcePath, Path.Combine(AppContext.BaseDirectory, "Goldens", "goldens.bin"), overwrite: true);
        }

        return GoldenFile.Read();
    }

    private static void Record()
    {
        var rows = RowCoverage.ComparableRows.ToArray();
        var digests = rows.ToDictionary(row => row.Name, row => new uint[GoldenFile.CasesOf(row).Count()], StringComparer.Ordinal);
        var cases = rows.SelectMany(row => GoldenFile.CasesOf(row).Select((record, index) => (row.Name, Index: index, Record: record)));
        foreach (var batch in cases.GroupBy(one => one.Record.VectorBytes).SelectMany(length => length.Chunk(4000)))
        {
            var results = QemuOracle.Run(batch.Select(one => one.Record).ToArray());
            for (var i = 0; i < batch.Length; i++)
                digests[batch[i].Name][batch[i].Index] = results[i].Digest();
        }

        GoldenFile.Write(QemuOracle.Version!, digests);
    }
}
