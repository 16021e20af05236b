using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;

namespace CloudVm.Hypervisor.Conformance.Tests.Goldens;

/// <summary>Runs the recorded cases of rows in the interpreter. One per thread.</summary>
internal sealed class GoldenReplay : IDisposable
{
    private const int DescribedCases = 3;
    private readonly InterpreterRunner _runner = new();
    private readonly Dictionary<int, (MachineRecord Input, MachineRecord Output)> _records = [];

    /// <summary>Cases that agreed.</summary>
    public long Cases { get; private set; }

    /// <summary>What is wrong with a row, or null.</summary>
    public string? Check(RowPlan plan, GoldenRow? expected)
    {
        const string RecordAgain = "run these tests once with CLOUDVM_RECORD_GOLDENS=1.";
        var name = plan.Row.Name;
        if (expected is null)
            return $"{name} has no recorded results: {RecordAgain}";

        var inputs = 0ul;
        var modes = 0u;
        var wrong = new List<(int Number, CaseBatch Batch)>();
        var number = 0;
        foreach (var batch in CaseSchedule.BatchesOf(plan.Row))
        {
            var (input, output) = RecordsOf(batch.VectorBytes);
            var results = 0ul;
            for (var i = 0; i < CaseSchedule.BatchCases; i++)
            {
                CaseGenerator.Fill(input, plan, batch.First + i, GoldenFile.Seed);
                inputs = input.Digest(inputs);
                modes |= 1u << CaseSchedule.ModeOf(input.Fpcr);
                _runner.Run(input, output);
                results = output.Digest(results);
            }

            if (number >= expected.Digests.Length || (uint)results != expected.Digests[number])
                wrong.Add((number, batch));
            number++;
        }

        if (inputs != expected.InputDigest || number != expected.Digests.Length)
            return $"{name}: its cases are not those that were recorded: {RecordAgain}";
        if (modes != uint.MaxValue)
            return $"{name}: its cases do not meet every FPCR mode: {modes:x8}.";
        Cases += expected.Cases;
        return wrong.Count == 0 ? null : Explain(plan, expected, wrong);
    }

    public void Dispose() => _runner.Dispose();

    private static string Explain(RowPlan plan, GoldenRow expected, List<(int Number, CaseBatch Batch)> wrong)
    {
        var (number, batch) = wrong[0];
        var text = $"{plan.Row.Name}: {wrong.Count} of {expected.Digests.Length} batches differ from what {expected.Oracle} did; "
            + $"the first is batch {number}, cases {batch.First} to {batch.First + CaseSchedule.BatchCases - 1} at VL {batch.VectorBytes * 8}.";
        if (QemuOracle.Version is null)
            return text;
        var live = wrong.Select(one => one.Batch)
            .SelectMany(one => Comparison.Run([plan.Row], one.VectorBytes, one.First, CaseSchedule.BatchCases, GoldenFile.Seed)).Take(DescribedCases).ToArray();
        return live.Length == 0
            ? $"{text} {QemuOracle.Version} agrees with the engine now, so the recorded results are of another oracle."
            : $"{text}\n{string.Join('\n', live.Select(one => one.ToString()))}";
    }

    private (MachineRecord Input, MachineRecord Output) RecordsOf(int vectorBytes)
    {
        if (!_records.TryGetValue(vectorBytes, out var records))
            _records[vectorBytes] = records = (MachineRecord.Create(vectorBytes), MachineRecord.Create(vectorBytes));
        return records;
    }
}
