using System.Diagnostics;
using System.Globalization;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Goldens;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>
/// The interpreter against results of qemu-aarch64 recorded in <c>Goldens/*.golden</c>; needs no QEMU. CLOUDVM_RECORD_GOLDENS=1
/// first records the rows whose results are missing or out of date, CLOUDVM_RECORD_GOLDENS=all every row.
/// </summary>
public sealed class GoldenTests(ITestOutputHelper output)
{
    private static readonly Lazy<bool> Recorded = new(Record);

    public static TheoryData<string> Groups => new(RowCoverage.ComparableRows.Select(row => row.Group).Distinct());

    [Theory]
    [MemberData(nameof(Groups))]
    public void Engine_agrees_with_recorded_results(string group)
    {
        _ = Recorded.Value;
        var goldens = GoldenFile.Read(group);
        var rows = RowCoverage.ComparableRows.Where(row => row.Group == group).ToArray();
        var failures = new string?[rows.Length];
        var cases = 0L;
        var clock = Stopwatch.StartNew();
        Parallel.For(
            0,
            rows.Length,
            () => new GoldenReplay(),
            (i, _, replay) =>
            {
                failures[i] = replay.Check(RowPlan.Of(rows[i]), goldens.Rows.GetValueOrDefault(rows[i].Name));
                return replay;
            },
            replay =>
            {
                Interlocked.Add(ref cases, replay.Cases);
                replay.Dispose();
            });
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cases} cases in {clock.Elapsed.TotalSeconds:f1} s."));
        var wrong = failures.OfType<string>().ToArray();
        Assert.True(wrong.Length == 0, $"{wrong.Length} rows of {group} differ:\n{string.Join('\n', wrong.Take(40))}");
    }

    /// <summary>One percent of all batches, others in every run: a difference here means that the oracle or the cases changed.</summary>
    [Fact]
    public void Recorded_results_are_what_qemu_does()
    {
        Assert.True(QemuOracle.Version is not null, "qemu-aarch64 is not installed: apt-get install qemu-user");
        _ = Recorded.Value;
        var seed = Environment.GetEnvironmentVariable("CLOUDVM_SEED") is { Length: > 0 } text
            ? ulong.Parse(text, CultureInfo.InvariantCulture)
            : (ulong)Random.Shared.NextInt64(1, 1_000_000_000);
        var random = new CaseRandom(seed);
        var goldens = RowCoverage.Rows.Select(row => row.Group).Distinct().ToDictionary(group => group, GoldenFile.Read);
        var sample = RowCoverage.ComparableRows
            .SelectMany(row => CaseSchedule.BatchesOf(row).Select((batch, number) => (Row: row, Batch: batch, Number: number)))
            .Where(_ => random.OneIn(100)).ToArray();
        output.WriteLine($"CLOUDVM_SEED={seed}: {sample.Length * CaseSchedule.BatchCases} cases, {QemuOracle.Version}");
        var wrong = new List<string>();
        foreach (var run in sample.GroupBy(one => one.Batch.VectorBytes).Select(length => length.ToArray()))
        {
            var results = QemuOracle.Run(run.SelectMany(one => GoldenRecorder.CasesOf(one.Row, one.Batch)).ToArray());
            for (var i = 0; i < run.Length; i++)
            {
                var recorded = goldens[run[i].Row.Group].Rows.GetValueOrDefault(run[i].Row.Name)?.Digests.ElementAtOrDefault(run[i].Number);
                if (recorded != GoldenRecorder.DigestOf(results.Skip(i * CaseSchedule.BatchCases).Take(CaseSchedule.BatchCases)))
                    wrong.Add($"{run[i].Row.Name}, batch {run[i].Number} at VL {run[i].Batch.VectorBytes * 8}");
            }
        }

        Assert.True(wrong.Count == 0, $"CLOUDVM_SEED={seed}: {QemuOracle.Version} differs from the recorded results of\n{string.Join('\n', wrong)}");
    }

    private static bool Record()
    {
        var wanted = Environment.GetEnvironmentVariable("CLOUDVM_RECORD_GOLDENS");
        if (string.IsNullOrEmpty(wanted))
            return false;
        GoldenRecorder.Record(all: wanted == "all");
        return true;
    }
}
