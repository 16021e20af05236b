using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>
/// Compares the interpreter with qemu-aarch64, live. The ordinary run takes a sample that is always the same, since a defect of the
/// oracle must not fail a build by luck; set CLOUDVM_DIFFERENTIAL_SECONDS to go on for that long with a fresh seed, CLOUDVM_SEED to
/// repeat a run and CLOUDVM_ROWS to look only at rows whose name contains a text.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const ulong SampleSeed = 5;
    private const int RowsPerRun = 100;

    [Fact]
    public void Engine_agrees_with_qemu_on_fresh_cases()
    {
        Assert.True(QemuOracle.Version is not null, "qemu-aarch64 is not installed: apt-get install qemu-user");
        var seconds = Number("CLOUDVM_DIFFERENTIAL_SECONDS");
        var seed = Seed(fresh: seconds > 0);
        output.WriteLine($"CLOUDVM_SEED={seed}, {QemuOracle.Version}");
        var filter = Environment.GetEnvironmentVariable("CLOUDVM_ROWS") ?? "";
        var rows = RowCoverage.ComparableRows.Where(row => row.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)).ToArray();
        var count = filter.Length != 0 ? 100 : seconds > 0 ? 8 : 1;
        var cases = 0L;
        var clock = Stopwatch.StartNew();
        for (var round = 0; round == 0 || clock.Elapsed.TotalSeconds < seconds; round++)
        {
            // Operand pools are made from the seed: each round has its own.
            var roundSeed = seed + (ulong)round;
            var runs = rows.GroupBy(row => LengthOf(OracleExceptions.VectorLengths(row), roundSeed))
                .SelectMany(length => length.Chunk(RowsPerRun).Select(chosen => (Length: length.Key, Rows: chosen))).ToArray();
            var disagreements = new ConcurrentBag<Disagreement>();
            Parallel.ForEach(Partitioner.Create(runs, EnumerablePartitionerOptions.NoBuffering), run =>
            {
                foreach (var one in Comparison.Run(run.Rows, run.Length, 0, count, roundSeed))
                    disagreements.Add(one);
                Interlocked.Add(ref cases, run.Rows.Length * count);
            });
            Assert.True(disagreements.IsEmpty, Comparison.Describe(disagreements.OrderBy(one => one.Row.Name, StringComparer.Ordinal).ToArray(), roundSeed));
        }

        output.WriteLine($"{cases} cases agree.");
    }

    private static int LengthOf(IReadOnlyList<int> lengths, ulong seed) => lengths[(int)(seed % (ulong)lengths.Count)];

    private static ulong Seed(bool fresh) =>
        Environment.GetEnvironmentVariable("CLOUDVM_SEED") is { Length: > 0 } text
            ? ulong.Parse(text, CultureInfo.InvariantCulture)
            : fresh ? (ulong)Random.Shared.NextInt64(1, 1_000_000_000) : SampleSeed;

    private static double Number(string variable) =>
        double.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value) ? value : 0;
}
