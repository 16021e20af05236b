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

    // qemu 7.2 unzips predicates wrongly at some lengths that are no power of two, such as 240.
    private static readonly int[] Lengths = [16, 32, 48, 64, 128, 256];

    [Fact]
    public void Engine_agrees_with_qemu_on_fresh_cases()
    {
        Assert.True(QemuOracle.Version is not null, "qemu-aarch64 is not installed: apt-get install qemu-user");
        var seconds = Number("CLOUDVM_DIFFERENTIAL_SECONDS");
        var seed = Seed(fresh: seconds > 0);
        output.WriteLine($"CLOUDVM_SEED={seed}, {QemuOracle.Version}");
        var filter = Environment.GetEnvironmentVariable("CLOUDVM_ROWS") ?? "";
        var rows = RowCoverage.ComparableRows.Where(row => row.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)).ToArray();
        var cases = 0L;
        var clock = Stopwatch.StartNew();
        for (var round = 0; round == 0 || clock.Elapsed.TotalSeconds < seconds; round++)
        {
            var longVector = Lengths[(int)((seed + (ulong)round) % (ulong)Lengths.Length)];
            foreach (var group in rows.GroupBy(row => RowCoverage.IsSve(row) && !RowCoverage.PermutesQuadwords(row) ? longVector : 16))
            {
                var chosen = group.ToArray();
                var count = filter.Length == 0 ? 2 : 100;
                var disagreements = Comparison.Run(chosen, group.Key, round * count, count, seed);
                cases += chosen.Length * count;
                Assert.True(disagreements.Count == 0, Comparison.Describe(disagreements, seed));
            }
        }

        output.WriteLine($"{cases} cases agree.");
    }

    private static ulong Seed(bool fresh) =>
        Environment.GetEnvironmentVariable("CLOUDVM_SEED") is { Length: > 0 } text
            ? ulong.Parse(text, CultureInfo.InvariantCulture)
            : fresh ? (ulong)Random.Shared.NextInt64(1, 1_000_000_000) : SampleSeed;

    private static double Number(string variable) =>
        double.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var value) ? value : 0;
}
