using System.Globalization;
using System.Text;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Goldens;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>Keeps <c>docs/conformance.md</c> true: CLOUDVM_UPDATE_DOCS=1 writes it, an ordinary run compares.</summary>
public sealed class ConformanceReportTests
{
    [Fact]
    public void Committed_report_is_up_to_date()
    {
        var path = RepositoryRoot.Combine("docs", "conformance.md");
        var report = Create(RowCoverage.Rows.Select(row => row.Group).Distinct().Select(GoldenFile.Read).ToArray());
        if (Environment.GetEnvironmentVariable("CLOUDVM_UPDATE_DOCS") == "1")
            File.WriteAllText(path, report);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == report, "docs/conformance.md is out of date: run this test with CLOUDVM_UPDATE_DOCS=1.");
    }

    private static string Create(GoldenFile[] goldens)
    {
        var text = new StringBuilder();
        var rows = RowCoverage.Rows.ToArray();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Conformance of the interpreter

            Generated from the decode tables in `src/Hypervisor/Isa` by `ConformanceReportTests`; do not edit.

            The engine implements {rows.Length} encodings. {rows.Count(row => RowCoverage.ReasonWithout(row) is null)} of them are compared with
            {string.Join(", ", goldens.SelectMany(file => file.Rows.Values).Select(row => row.Oracle).Distinct())}
            bit for bit, on {goldens.SelectMany(file => file.Rows.Values).Sum(row => row.Cases)} recorded cases (seed {GoldenFile.Seed}): X, SP, NZCV, FPCR, FPSR, Z, P, FFR, memory, or the exception. SVE rows
            run at vector lengths of 128, 256, 384, 512, 1024 and 2048 bits, and every row in each of the {CaseSchedule.FpcrModes} combinations of FPCR.RMode, FZ, DN and FZ16.
            `GoldenTests` fail on any difference, so every case counted here agrees; they also ask qemu again for one percent of the cases.
            `DifferentialTests` compare fresh random cases with the oracle, as long as CLOUDVM_DIFFERENTIAL_SECONDS says. `EncodingTests` hold every row's
            bits to GNU binutils.

            | group | encodings | compared | cases | without a case |
            |---|---:|---:|---:|---:|

            """);
        foreach (var group in rows.GroupBy(row => row.Group).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var compared = group.Where(row => RowCoverage.ReasonWithout(row) is null).ToArray();
            var cases = compared.Sum(row => goldens.Select(file => file.Rows.GetValueOrDefault(row.Name)).Sum(found => found?.Cases ?? 0));
            text.Append(CultureInfo.InvariantCulture, $"| {group.Key} | {group.Count()} | {compared.Length} | {cases} | {group.Count() - compared.Length} |\n");
        }

        text.Append("\n## Encodings without a case\n\n");
        foreach (var reason in rows.Where(row => RowCoverage.ReasonWithout(row) is not null).GroupBy(row => RowCoverage.ReasonWithout(row)))
            text.Append(CultureInfo.InvariantCulture, $"* {reason.Key}: {string.Join(", ", reason.Select(row => row.Name))}\n");
        text.Append("""

            ## Where the oracle is not asked

            * AdvSIMD and scalar floating point run at 128 bits: several instructions of qemu 7.2 leave the register above bit 127 unchanged, which the
              architecture zeroes. `UpperVectorTests` check that part of the engine.
            * First-fault and non-fault loads run with every element active and within a page: with other predicates qemu 7.2 loads elements
              of the wrong predicate bits. `FirstFaultTests` check those of the engine.
            * SVE structure accesses stay within a page (qemu 7.2 aborts otherwise); permutes of 128-bit elements run at multiples of 256 bits.
            * Words whose behaviour the architecture leaves open, such as a load that writes back its own destination.

            """);
        return text.ToString();
    }
}
