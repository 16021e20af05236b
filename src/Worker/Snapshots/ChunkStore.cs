using CloudVm.Contracts.Control;
using Npgsql;
using NpgsqlTypes;

namespace CloudVm.Worker.Snapshots;

/// <summary>
/// The content-addressed chunks in PostgreSQL. Everything a writer relies on is marked as touched in the same statement, which spares it
/// from garbage collection while the writer's upload session is open.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class ChunkStore(NpgsqlDataSource database, ChunkCodec codec)
{
    /// <summary>Rows are locked in the order of their hashes, so that two writers never wait for each other in a circle.</summary>
    private const string TouchSql = """
        WITH wanted AS (SELECT hash FROM chunks WHERE hash = ANY(@hashes) ORDER BY hash FOR UPDATE)
        UPDATE chunks SET touched_at = now() FROM wanted WHERE chunks.hash = wanted.hash RETURNING chunks.hash
        """;

    private const string StageSql =
        "CREATE TEMPORARY TABLE staged_chunks (hash bytea NOT NULL, codec smallint NOT NULL, data bytea NOT NULL) ON COMMIT DROP";

    private const string MergeSql = """
        INSERT INTO chunks (hash, codec, data, touched_at) SELECT hash, codec, data, now() FROM staged_chunks ORDER BY hash
        ON CONFLICT (hash) DO UPDATE SET touched_at = excluded.touched_at
        """;

    /// <summary>Stores what is not there yet of <paramref name="chunks"/> and keeps the rest from being collected.</summary>
    /// <returns>Bytes added to the store.</returns>
    public async Task<long> StoreAsync(IReadOnlyDictionary<ChunkHash, ReadOnlyMemory<byte>> chunks, CancellationToken ct)
    {
        if (chunks.Count == 0)
            return 0;
        HashSet<ChunkHash> present = await TouchAsync(chunks.Keys, ct).ConfigureAwait(false);
        List<(byte[] Hash, ChunkEncoding Encoding, byte[] Data)> missing =
        [
            .. chunks.Where(chunk => !present.Contains(chunk.Key)).Select(chunk =>
            {
                (ChunkEncoding encoding, byte[] data) = codec.Encode(chunk.Value.Span);
                return (chunk.Key.ToArray(), encoding, data);
            }),
        ];
        if (missing.Count == 0)
            return 0;

        await using NpgsqlConnection connection = await database.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        await ExecuteAsync(connection, StageSql, ct).ConfigureAwait(false);
        await CopyAsync(connection, missing, ct).ConfigureAwait(false);
        await ExecuteAsync(connection, MergeSql, ct).ConfigureAwait(false);
        await transaction.CommitAsync(ct).ConfigureAwait(false);
        return missing.Sum(chunk => (long)chunk.Data.Length);
    }

    /// <summary>Keeps chunks from being collected.</summary>
    /// <returns>Those that exist.</returns>
    public async Task<HashSet<ChunkHash>> TouchAsync(IEnumerable<ChunkHash> hashes, CancellationToken ct)
    {
        await using NpgsqlCommand touch = database.CreateCommand(TouchSql);
        touch.Parameters.AddWithValue("hashes", hashes.Where(hash => !hash.IsZero).Select(hash => hash.ToArray()).ToArray());
        HashSet<ChunkHash> present = [];
        await using NpgsqlDataReader reader = await touch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
            present.Add(ChunkHash.Read(await reader.GetFieldValueAsync<byte[]>(0, ct).ConfigureAwait(false)));
        return present;
    }

    /// <summary>Reads chunks, and checks each against its name.</summary>
    /// <returns>Content by hash; what is missing is absent.</returns>
    /// <exception cref="InvalidDataException">A chunk is damaged; the message names it.</exception>
    public async Task<Dictionary<ChunkHash, byte[]>> LoadAsync(IEnumerable<ChunkHash> hashes, CancellationToken ct)
    {
        await using NpgsqlCommand load = database.CreateCommand("SELECT hash, codec, data FROM chunks WHERE hash = ANY(@hashes)");
        load.Parameters.AddWithValue("hashes", hashes.Where(hash => !hash.IsZero).Distinct().Select(hash => hash.ToArray()).ToArray());
        Dictionary<ChunkHash, byte[]> loaded = [];
        await using NpgsqlDataReader reader = await load.ExecuteReaderAsync(ct).ConfigureAwait(false);
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
        {
            ChunkHash hash = ChunkHash.Read(await reader.GetFieldValueAsync<byte[]>(0, ct).ConfigureAwait(false));
            byte[] stored = await reader.GetFieldValueAsync<byte[]>(2, ct).ConfigureAwait(false);
            byte[] content = new byte[ControlProtocol.ChunkBytes];
            try
            {
                ChunkCodec.Decode((ChunkEncoding)reader.GetInt16(1), stored, content);
            }
            catch (InvalidDataException damage)
            {
                throw new InvalidDataException($"Chunk {hash}: {damage.Message}", damage);
            }

            if (!ChunkHash.Of(content).Equals(hash))
                throw new InvalidDataException($"Chunk {hash}: its content has another hash.");
            loaded[hash] = content;
        }

        return loaded;
    }

    private static async Task CopyAsync(
        NpgsqlConnection connection, List<(byte[] Hash, ChunkEncoding Encoding, byte[] Data)> rows, CancellationToken ct)
    {
        NpgsqlBinaryImporter copy = await connection
            .BeginBinaryImportAsync("COPY staged_chunks (hash, codec, data) FROM STDIN (FORMAT BINARY)", ct).ConfigureAwait(false);
        await using (copy.ConfigureAwait(false))
        {
            foreach ((byte[] hash, ChunkEncoding encoding, byte[] data) in rows)
            {
                await copy.StartRowAsync(ct).ConfigureAwait(false);
                await copy.WriteAsync(hash, NpgsqlDbType.Bytea, ct).ConfigureAwait(false);
                await copy.WriteAsync((short)encoding, NpgsqlDbType.Smallint, ct).ConfigureAwait(false);
                await copy.WriteAsync(data, NpgsqlDbType.Bytea, ct).ConfigureAwait(false);
            }

            await copy.CompleteAsync(ct).ConfigureAwait(false);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
#pragma warning disable CA2100 // The texts are constants of this class.
        await using NpgsqlCommand command = new(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }
}
