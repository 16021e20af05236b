using System.Globalization;
using System.Text;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Encodings;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Conformance.Tests.Goldens;
using CloudVm.Hypervisor.Conformance.Tests.Privileged;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>Keeps <c>docs/conformance.md</c> true: CLOUDVM_UPDATE_DOCS=1 writes it, an ordinary run compares.</summary>
public sealed class ConformanceReportTests
{
    private const int ListedMnemonics = 40;

    [Fact]
    public void Committed_report_is_up_to_date()
    {
        var path = RepositoryRoot.Combine("docs", "conformance.md");
        var text = new StringBuilder();
        AppendSummary(text);
        AppendGroups(text);
        AppendExceptions(text);
        AppendPrivileged(text);
        AppendMnemonics(text);
        AppendDecoding(text);
        var report = text.ToString();
        if (Environment.GetEnvironmentVariable("CLOUDVM_UPDATE_DOCS") == "1")
            File.WriteAllText(path, report);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == report, "docs/conformance.md is out of date: run this test with CLOUDVM_UPDATE_DOCS=1.");
    }

    private static void AppendSummary(StringBuilder text)
    {
        var goldens = RowCoverage.Rows.Select(row => row.Group).Distinct().SelectMany(group => GoldenFile.Read(group).Rows.Values).ToArray();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Conformance of the interpreter

            Generated from the decode tables in `src/Hypervisor/Isa` by `ConformanceReportTests`; do not edit.

            The engine implements {RowCoverage.Rows.Count()} encodings. {RowCoverage.ComparableRows.Count()} of them are compared with
            {string.Join(", ", goldens.Select(row => row.Oracle).Distinct())}
            bit for bit, on {goldens.Sum(row => row.Cases)} recorded cases (seed {GoldenFile.Seed}), at least {CaseSchedule.MinimumCases} for each: X, SP, NZCV, FPCR, FPSR, Z, P, FFR,
            memory, or the exception. Every row runs in each of the {CaseSchedule.FpcrModes} combinations of FPCR.RMode, FZ, DN and FZ16, SVE rows at vector lengths of
            128, 256, 384, 512, 1024 and 2048 bits. `GoldenTests` fail on any difference, so every case counted here agrees; they also ask
            qemu again for one percent of the cases. Results are kept as one digest for {CaseSchedule.BatchCases} cases, which are generated again from the seed.
            `DifferentialTests` compare fresh random cases with the oracle, as long as `./cloudvm test --differential` is told to.


            """);
    }

    private static void AppendGroups(StringBuilder text)
    {
        text.Append("## Encoding groups\n\n| group | encodings | compared | cases | agree | without a case |\n|---|---:|---:|---:|---:|---:|\n");
        foreach (var group in RowCoverage.Rows.GroupBy(row => row.Group).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var goldens = GoldenFile.Read(group.Key).Rows;
            var compared = group.Where(row => RowCoverage.ReasonWithout(row) is null).ToArray();
            var cases = compared.Sum(row => goldens.GetValueOrDefault(row.Name)?.Cases ?? 0);
            text.Append(CultureInfo.InvariantCulture, $"| {group.Key} | {group.Count()} | {compared.Length} | {cases} | {(cases == 0 ? "" : "100 %")} | {group.Count() - compared.Length} |\n");
        }

        text.Append("\n### Encodings without a case\n\n");
        foreach (var reason in RowCoverage.Rows.Where(row => RowCoverage.ReasonWithout(row) is not null).GroupBy(row => RowCoverage.ReasonWithout(row)))
            text.Append(CultureInfo.InvariantCulture, $"* {reason.Key}: {string.Join(", ", reason.Select(row => row.Name))}\n");
    }

    private static void AppendExceptions(StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n## Exceptions\n\nWhere the oracle differs from the architecture or the architecture leaves the result open: {OracleExceptions.All.Count}.\n\n");
        text.Append("| rows | left out | why | tested by |\n|---|---|---|---|\n");
        foreach (var (rows, operands, reason, test) in OracleExceptions.All)
            text.Append(CultureInfo.InvariantCulture, $"| {rows} | {operands} | {reason} | `{test}` |\n");
    }

    private static void AppendPrivileged(StringBuilder text)
    {
        text.Append("\n## EL1\n\n");
        text.Append("`PrivilegedTests` run one bare-metal program under `qemu-system-aarch64 -cpu max` and in our machine, which must print the same for every\n");
        text.Append("access, mapping, granule, exception level and system register it tries (vector, ESR, FAR, ELR, SPSR, PAR, result, descriptor), except:\n\n");
        foreach (var exception in PrivilegedException.All)
            text.Append(CultureInfo.InvariantCulture, $"* cases `{exception.Cases}`: {exception.Reason}\n");
    }

    private static void AppendMnemonics(StringBuilder text)
    {
        text.Append("""

            ## Mnemonics

            What GNU binutils know, by the feature that the assembler wants for it, against the rows. Hints, barriers and system registers
            are left out. `MnemonicTests` fail when a mnemonic of an advertised feature has no row.

            | feature | advertised | mnemonics | with a row | without |
            |---|---|---:|---:|---|

            """);
        using var prober = new AllocationProber();
        foreach (var feature in MnemonicInventory.Read().GroupBy(one => one.Feature))
        {
            var lacking = feature.Where(one => !MnemonicCoverage.IsCovered(one, prober)).Select(one => one.Mnemonic).ToArray();
            var listed = lacking.Length <= ListedMnemonics ? string.Join(", ", lacking) : $"{string.Join(", ", lacking.Take(ListedMnemonics))} and {lacking.Length - ListedMnemonics} more";
            text.Append(CultureInfo.InvariantCulture, $"| {feature.Key.Replace('_', ' ')} | {(BinutilsFeatures.IsAdvertised(feature.Key) ? "yes" : "")} | {feature.Count()} | {feature.Count() - lacking.Length} | {listed} |\n");
        }
    }

    private static void AppendDecoding(StringBuilder text)
    {
        text.Append("""

            ## What is an instruction

            `AllocationTests` give random words, words of every row and words that differ from a row in one fixed bit to objdump and to the engine.
            They may disagree for these reasons only:


            """);
        foreach (var reason in AllocationRules.Reasons)
            text.Append(CultureInfo.InvariantCulture, $"* {reason}\n");
    }
}
