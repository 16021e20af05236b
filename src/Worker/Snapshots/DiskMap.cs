using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace CloudVm.Worker.Snapshots;

/// <summary>The blocks of a disk that a snapshot holds, by number; all others are the base's.</summary>
/// <param name="Name">The disk.</param>
/// <param name="Blocks">Names of their chunks; the zero chunk hides the base.</param>
public sealed record DiskMap(string Name, SortedDictionary<int, ChunkHash> Blocks)
{
    /// <summary>Blocks per stored part.</summary>
    public const int BlocksPerPart = 1024;

    /// <summary>Bytes of a block's number as stored.</summary>
    private const int NumberBytes = sizeof(int);

    /// <summary>Chunks that are stored: everything but zero chunks, each once.</summary>
    public IReadOnlySet<ChunkHash> Distinct() => Blocks.Values.Where(hash => !hash.IsZero).ToHashSet();

    /// <summary>The parts as stored: numbers, and 32 bytes for each.</summary>
    public IEnumerable<(byte[] Blocks, byte[] Hashes)> ToParts() =>
        Blocks.Chunk(BlocksPerPart).Select(part =>
        {
            byte[] blocks = new byte[part.Length * NumberBytes];
            byte[] hashes = new byte[part.Length * ChunkHash.Bytes];
            for (int i = 0; i < part.Length; i++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(blocks.AsSpan(i * NumberBytes), part[i].Key);
                part[i].Value.ToArray().CopyTo(hashes, i * ChunkHash.Bytes);
            }

            return (blocks, hashes);
        });

    /// <summary>Reads stored parts.</summary>
    /// <exception cref="InvalidDataException">Numbers and hashes do not match, or a block is named twice.</exception>
    public static DiskMap FromParts(string name, IEnumerable<(byte[] Blocks, byte[] Hashes)> parts)
    {
        SortedDictionary<int, ChunkHash> blocks = [];
        foreach ((byte[] numbers, byte[] hashes) in parts)
        {
            if (numbers.Length * (ChunkHash.Bytes / NumberBytes) != hashes.Length)
                throw new InvalidDataException($"The blocks of disk '{name}' do not match their hashes.");
            for (int i = 0; i < numbers.Length / NumberBytes; i++)
            {
                if (!blocks.TryAdd(BinaryPrimitives.ReadInt32LittleEndian(numbers.AsSpan(i * NumberBytes)), ChunkHash.Read(hashes.AsSpan(i * ChunkHash.Bytes))))
                    throw new InvalidDataException($"Disk '{name}' names a block twice.");
            }
        }

        return new DiskMap(name, blocks);
    }

    /// <summary>Runs of neighbouring blocks of one kind, none longer than <paramref name="longest"/>.</summary>
    public IEnumerable<(int First, int Count)> Runs(Func<ChunkHash, bool> wanted, int longest)
    {
        int first = 0;
        int count = 0;
        foreach ((int block, ChunkHash hash) in Blocks)
        {
            bool isWanted = wanted(hash);
            if (count > 0 && (!isWanted || block != first + count || count == longest))
            {
                yield return (first, count);
                count = 0;
            }

            if (!isWanted)
                continue;
            if (count == 0)
                first = block;
            count++;
        }

        if (count > 0)
            yield return (first, count);
    }

    /// <summary>Adds the disk to the hash of a whole machine.</summary>
    public void AppendTo(IncrementalHash hash)
    {
        hash.AppendData(Encoding.UTF8.GetBytes(Name));
        foreach ((byte[] blocks, byte[] hashes) in ToParts())
        {
            hash.AppendData(blocks);
            hash.AppendData(hashes);
        }
    }
}
