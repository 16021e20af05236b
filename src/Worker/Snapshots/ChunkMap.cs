using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Names of all chunks of a guest's memory, in order: what a manifest stores in parts of 64 MiB.</summary>
public sealed class ChunkMap
{
    /// <summary>Chunks per stored part.</summary>
    public const int ChunksPerPart = 64 * 1024 * 1024 / ControlProtocol.ChunkBytes;

    private readonly ChunkHash[] _hashes;

    /// <summary>A map of memory that is all zero.</summary>
    public ChunkMap(int chunkCount) => _hashes = new ChunkHash[chunkCount];

    private ChunkMap(ChunkHash[] hashes) => _hashes = hashes;

    /// <summary>Number of chunks.</summary>
    public int Count => _hashes.Length;

    /// <summary>Name of one chunk.</summary>
    public ChunkHash this[int index]
    {
        get => _hashes[index];
        set => _hashes[index] = value;
    }

    /// <summary>Chunks that are stored: everything but zero chunks, each once.</summary>
    public IReadOnlySet<ChunkHash> Distinct() => _hashes.Where(hash => !hash.IsZero).ToHashSet();

    /// <summary>The parts as stored: 32 bytes per chunk, all zeros for the zero chunk.</summary>
    public IEnumerable<byte[]> ToParts() =>
        _hashes.Chunk(ChunksPerPart).Select(part =>
        {
            byte[] stored = new byte[part.Length * ChunkHash.Bytes];
            for (int i = 0; i < part.Length; i++)
                part[i].ToArray().CopyTo(stored, i * ChunkHash.Bytes);
            return stored;
        });

    /// <summary>Reads stored parts.</summary>
    public static ChunkMap FromParts(IEnumerable<byte[]> parts) =>
        new([.. parts.SelectMany(part => part.Chunk(ChunkHash.Bytes)).Select(hash => ChunkHash.Read(hash))]);

    /// <summary>Runs of neighbouring chunks that satisfy <paramref name="wanted"/>, none longer than <paramref name="longest"/>.</summary>
    public static IEnumerable<(int First, int Count)> Runs(int chunkCount, Func<int, bool> wanted, int longest)
    {
        int first = 0;
        while (first < chunkCount)
        {
            if (!wanted(first))
            {
                first++;
                continue;
            }

            int count = 1;
            while (first + count < chunkCount && count < longest && wanted(first + count))
                count++;
            yield return (first, count);
            first += count;
        }
    }
}
