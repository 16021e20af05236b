using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Isa;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Conformance.Tests.Goldens;

/// <summary>What the oracle did with a row's cases.</summary>
/// <param name="Oracle">The program that was asked.</param>
/// <param name="Cases">Number of cases.</param>
/// <param name="InputDigest">Of all cases as they were then, so that changed cases are told from changed behaviour.</param>
/// <param name="Digests">One for each batch of <see cref="CaseSchedule.BatchesOf"/>: the low half of the hash of its results.</param>
internal sealed record GoldenRow(string Oracle, int Cases, ulong InputDigest, uint[] Digests);

/// <summary>
/// Recorded results of one group of rows. The cases themselves are generated again from the seed. Rows stand alone: recording new
/// ones leaves the others as they are. Not compressed, since digests do not compress and versions of the file then share their bytes.
/// </summary>
internal sealed class GoldenFile
{
    /// <summary>Seed of the recorded cases.</summary>
    public const ulong Seed = 20261123;

    private const uint Magic = 0x474d5643;
    private const uint FormatVersion = 2;
    private const string Extension = ".golden";
    private readonly SortedDictionary<string, GoldenRow> _rows = new(StringComparer.Ordinal);

    private GoldenFile(string group) => Group = group;

    public string Group { get; }

    public IReadOnlyDictionary<string, GoldenRow> Rows => _rows;

    private static string SourceDirectory { get; } = RepositoryRoot.Combine("tests", "Hypervisor.Conformance.Tests", "Goldens");

    /// <summary>A group's results; empty when none were recorded.</summary>
    public static GoldenFile Read(string group)
    {
        var result = new GoldenFile(group);
        var path = Path.Combine(SourceDirectory, group + Extension);
        if (!File.Exists(path))
            return result;
        using var reader = new BinaryReader(File.OpenRead(path));
        if (reader.ReadUInt32() != Magic || reader.ReadUInt32() != FormatVersion || reader.ReadUInt64() != Seed)
            throw new InvalidDataException($"{path} is of another format or seed: delete it and record it again with CLOUDVM_RECORD_GOLDENS=1.");
        var oracles = new string[reader.ReadInt32()];
        for (var i = 0; i < oracles.Length; i++)
            oracles[i] = reader.ReadString();
        for (var rows = reader.ReadInt32(); rows > 0; rows--)
        {
            var name = reader.ReadString();
            var oracle = oracles[reader.ReadByte()];
            var cases = reader.ReadInt32();
            var inputs = reader.ReadUInt64();
            var digests = new uint[reader.ReadInt32()];
            for (var i = 0; i < digests.Length; i++)
                digests[i] = reader.ReadUInt32();
            result._rows.Add(name, new GoldenRow(oracle, cases, inputs, digests));
        }

        return result;
    }

    public void Set(OpcodeInfo row, GoldenRow results) => _rows[row.Name] = results;

    /// <summary>Forgets rows that are no longer in the tables.</summary>
    public void Retain(IEnumerable<string> names)
    {
        foreach (var gone in _rows.Keys.Except(names, StringComparer.Ordinal).ToArray())
            _rows.Remove(gone);
    }

    /// <summary>Replaces the file in the source tree.</summary>
    public void Write()
    {
        using var writer = new BinaryWriter(File.Create(Path.Combine(SourceDirectory, Group + Extension)));
        writer.Write(Magic);
        writer.Write(FormatVersion);
        writer.Write(Seed);
        var oracles = _rows.Values.Select(row => row.Oracle).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        writer.Write(oracles.Length);
        foreach (var oracle in oracles)
            writer.Write(oracle);
        writer.Write(_rows.Count);
        foreach (var (name, row) in _rows)
        {
            writer.Write(name);
            writer.Write((byte)Array.IndexOf(oracles, row.Oracle));
            writer.Write(row.Cases);
            writer.Write(row.InputDigest);
            writer.Write(row.Digests.Length);
            foreach (var digest in row.Digests)
                writer.Write(digest);
        }
    }
}
