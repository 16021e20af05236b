using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Goldens;

/// <summary>Asks the oracle for the results of rows' cases.</summary>
internal static class GoldenRecorder
{
    private const int RowsPerRun = 24;

    /// <summary>Records the rows whose results are missing or belong to other cases; all of them when told so.</summary>
    public static void Record(bool all)
    {
        var work = new List<(GoldenFile File, OpcodeInfo[] Rows)>();
        foreach (var group in RowCoverage.Rows.GroupBy(row => row.Group))
        {
            var file = GoldenFile.Read(group.Key);
            var comparable = group.Where(row => RowCoverage.ReasonWithout(row) is null).ToArray();
            file.Retain(comparable.Select(row => row.Name));
            work.Add((file, comparable.AsParallel().Where(row => all || !IsCurrent(row, file)).ToArray()));
        }

        foreach (var (file, rows) in work)
        {
            Parallel.ForEach(rows.Chunk(RowsPerRun), chunk =>
            {
                foreach (var (row, results) in Ask(chunk))
                {
                    lock (file)
                        file.Set(row, results);
                }
            });
            if (file.Rows.Count != 0)
                file.Write();
        }
    }

    /// <summary>The cases of one batch.</summary>
    public static IEnumerable<MachineRecord> CasesOf(OpcodeInfo row, CaseBatch batch) =>
        Enumerable.Range(batch.First, CaseSchedule.BatchCases).Select(i => CaseGenerator.Create(row, batch.VectorBytes, i, GoldenFile.Seed));

    /// <summary>The digest under which the results of a batch are recorded.</summary>
    public static uint DigestOf(IEnumerable<MachineRecord> results) => (uint)Digest(results);

    private static bool IsCurrent(OpcodeInfo row, GoldenFile file) =>
        file.Rows.GetValueOrDefault(row.Name) is { } known
        && known.Digests.Length == CaseSchedule.BatchesOf(row).Count() && known.InputDigest == InputDigest(row);

    private static ulong InputDigest(OpcodeInfo row) => Digest(CaseSchedule.BatchesOf(row).SelectMany(batch => CasesOf(row, batch)));

    private static ulong Digest(IEnumerable<MachineRecord> records) => records.Aggregate(0ul, (digest, record) => record.Digest(digest));

    private static IEnumerable<(OpcodeInfo Row, GoldenRow Results)> Ask(OpcodeInfo[] rows)
    {
        var digests = rows.ToDictionary(row => row, row => new uint[CaseSchedule.BatchesOf(row).Count()]);
        var batches = rows.SelectMany(row => CaseSchedule.BatchesOf(row).Select((batch, number) => (Row: row, Batch: batch, Number: number)));
        foreach (var run in batches.GroupBy(one => one.Batch.VectorBytes).Select(length => length.ToArray()))
        {
            var results = QemuOracle.Run(run.SelectMany(one => CasesOf(one.Row, one.Batch)).ToArray());
            for (var i = 0; i < run.Length; i++)
                digests[run[i].Row][run[i].Number] = DigestOf(results.Skip(i * CaseSchedule.BatchCases).Take(CaseSchedule.BatchCases));
        }

        return rows.Select(row => (row, new GoldenRow(QemuOracle.Version!, digests[row].Length * CaseSchedule.BatchCases, InputDigest(row), digests[row])));
    }
}
