using System.IO.Compression;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Isa;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Conformance.Tests.Goldens;

/// <summary>
/// Recorded results of the oracle: for each row, vector length and case index a 32-bit digest of the state after the instruction.
/// The cases themselves are generated again from the seed. Written by running the tests with CLOUDVM_RECORD_GOLDENS=1.
/// </summary>
internal sealed class GoldenFile
{
    private const uint FormatVersion = 1;

    /// <summary>Seed of the recorded cases.</summary>
    public const ulong Seed = 20261123;

    private readonly Dictionary<string, uint[]> _digests;

    private GoldenFile(string oracle, Dictionary<string, uint[]> digests)
    {
        Oracle = oracle;
        _digests = digests;
    }

    /// <summary>What the results were recorded with.</summary>
    public string Oracle { get; }

    /// <summary>Number of recorded cases.</summary>
    public int Count => _digests.Values.Sum(digests => digests.Length);

    public static string SourcePath { get; } = RepositoryRoot.Combine("tests", "Hypervisor.Conformance.Tests", "Goldens", "goldens.bin");

    /// <summary>A row's digests: all cases of the first vector length, then of the next. Null when the row was not recorded.</summary>
    public uint[]? Find(string row) => _digests.GetValueOrDefault(row);

    /// <summary>A row's cases in the order of its digests.</summary>
    public static IEnumerable<MachineRecord> CasesOf(OpcodeInfo row)
    {
        foreach (var vectorBytes in RowCoverage.VectorLengths(row))
        {
            for (var i = 0; i < RowCoverage.CasesPerLength(row); i++)
                yield return CaseGenerator.Create(row, vectorBytes, i, Seed);
        }
    }

    public static GoldenFile Read()
    {
        using var file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Goldens", "goldens.bin"));
        using var reader = new BinaryReader(new BrotliStream(file, CompressionMode.Decompress));
        if (reader.ReadUInt32() != FormatVersion || reader.ReadUInt64() != Seed)
            throw new InvalidDataException("The recorded results are of another format or seed: record them again with CLOUDVM_RECORD_GOLDENS=1.");
        var oracle = reader.ReadString();
        var digests = new Dictionary<string, uint[]>(StringComparer.Ordinal);
        for (var rows = reader.ReadInt32(); rows > 0; rows--)
        {
            var name = reader.ReadString();
            var values = new uint[reader.ReadInt32()];
            for (var i = 0; i < values.Length; i++)
                values[i] = reader.ReadUInt32();
            digests.Add(name, values);
        }

        return new GoldenFile(oracle, digests);
    }

    public static void Write(string oracle, IReadOnlyDictionary<string, uint[]> digests)
    {
        using var file = File.Create(SourcePath);
        using var writer = new BinaryWriter(new BrotliStream(file, CompressionLevel.SmallestSize));
        writer.Write(FormatVersion);
        writer.Write(Seed);
        writer.Write(oracle);
        writer.Write(digests.Count);
        foreach (var (name, values) in digests.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            writer.Write(name);
            writer.Write(values.Length);
            foreach (var value in values)
                writer.Write(value);
        }
    }
}
