using CloudVm.Contracts.Control;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Testing;
using CloudVm.Worker.Snapshots;
using CloudVm.Worker.Tests.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace CloudVm.Worker.Tests.Snapshots;

public sealed class ChunkCollectorTests(PostgresFixture postgres)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Chunks_of_manifests_and_of_open_sessions_are_spared()
    {
        await using Store store = await Store.CreateAsync(postgres);
        ChunkHash orphan = await store.PutAsync(1);
        ChunkHash named = await store.PutAsync(2);
        await store.AddManifestAsync(named);
        await store.OpenSessionAsync();
        ChunkHash uploading = await store.PutAsync(3);

        CollectionResult result = (await store.Collector.CollectAsync(Ct))!.Value;

        Assert.Equal(new CollectionResult(Deleted: 1, ExpiredSessions: 0), result);
        Assert.Equal([named, uploading], await store.Chunks.TouchAsync([orphan, named, uploading], Ct));
    }

    [Fact]
    public async Task Dedup_hit_during_a_session_spares_an_old_orphan()
    {
        await using Store store = await Store.CreateAsync(postgres);
        ChunkHash orphan = await store.PutAsync(1);
        await store.OpenSessionAsync();
        Assert.Equal(orphan, await store.PutAsync(1));

        await store.Collector.CollectAsync(Ct);

        Assert.Single(await store.Chunks.TouchAsync([orphan], Ct));
    }

    [Fact]
    public async Task Abandoned_session_expires_and_its_chunks_go()
    {
        await using Store store = await Store.CreateAsync(postgres);
        Guid session = await store.OpenSessionAsync();
        ChunkHash chunk = await store.PutAsync(1);
        await store.ExecuteAsync("UPDATE upload_sessions SET heartbeat_at = now() - interval '1 hour'");

        Assert.Equal(new CollectionResult(Deleted: 1, ExpiredSessions: 1), await store.Collector.CollectAsync(Ct));

        Assert.Empty(await store.Chunks.TouchAsync([chunk], Ct));
        await Assert.ThrowsAsync<UploadSessionExpiredException>(() => store.Sessions.KeepAliveAsync(session, Ct));
    }

    [Fact]
    public async Task Session_of_an_operation_that_has_ended_is_over()
    {
        await using Store store = await Store.CreateAsync(postgres);
        await store.OpenSessionAsync();
        ChunkHash chunk = await store.PutAsync(1);
        await store.ExecuteAsync("UPDATE operations SET state = 'failed', ended_at = now()");

        Assert.Equal(new CollectionResult(Deleted: 1, ExpiredSessions: 1), await store.Collector.CollectAsync(Ct));

        Assert.Empty(await store.Chunks.TouchAsync([chunk], Ct));
    }

    [Fact]
    public async Task Touch_that_comes_between_mark_and_sweep_spares_the_chunk()
    {
        await using Store store = await Store.CreateAsync(postgres);
        ChunkHash chunk = await store.PutAsync(1);
        await using NpgsqlConnection writer = await store.Source.OpenConnectionAsync(Ct);
        await using NpgsqlTransaction transaction = await writer.BeginTransactionAsync(Ct);
        await using (NpgsqlCommand touch = new("UPDATE chunks SET touched_at = now() + interval '1 second'", writer, transaction))
            await touch.ExecuteNonQueryAsync(Ct);

        Task<CollectionResult?> collecting = store.Collector.CollectAsync(Ct);
        await store.WaitForAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM chunks%' AND datname = current_database()");
        await transaction.CommitAsync(Ct);

        Assert.Equal(0, (await collecting)!.Value.Deleted);
        Assert.Single(await store.Chunks.TouchAsync([chunk], Ct));
    }

    [Fact]
    public async Task Writers_and_collectors_at_once_lose_nothing_that_a_session_relies_on()
    {
        const int seed = 20261123;
        await using Store store = await Store.CreateAsync(postgres);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        Task collecting = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                    await store.Collector.CollectAsync(CancellationToken.None);
            },
            Ct);

        // Each round: open a session, rely on chunks that others orphaned over and over, complete, check.
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async writer =>
        {
            Random random = new(seed + writer);
            for (int round = 0; round < 15; round++)
            {
                Guid session = await store.OpenSessionAsync();
                ChunkHash[] used = [.. await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => store.PutAsync(random.Next(12))))];
                Guid snapshot = await store.AddManifestAsync(session, used);
                Dictionary<ChunkHash, byte[]> loaded = await store.Chunks.LoadAsync(used, Ct);
                Assert.True(used.Distinct().Count() == loaded.Count, $"seed {seed}, writer {writer}, round {round}: {loaded.Count} of {used.Distinct().Count()} chunks are left");
                await store.ExecuteAsync($"DELETE FROM snapshots WHERE id = '{snapshot}'");
            }
        }));

        await stop.CancelAsync();
        await collecting;
    }

    /// <summary>A chunk store over a database of its own, without a Worker.</summary>
    private sealed class Store : IAsyncDisposable
    {
        private readonly TestDatabase _database;
        private readonly NodeOfStore _node;

        private Store(TestDatabase database, NodeOfStore node)
        {
            _database = database;
            _node = node;
            Source = NpgsqlDataSource.Create(database.ConnectionString);
            Chunks = new ChunkStore(Source, new ChunkCodec());
            Sessions = new UploadSessions(Source, node.Identity);
            Collector = new ChunkCollector(node.Options, Source, NullLogger<ChunkCollector>.Instance);
        }

        public NpgsqlDataSource Source { get; }

        public ChunkStore Chunks { get; }

        public UploadSessions Sessions { get; }

        public ChunkCollector Collector { get; }

        public static async Task<Store> CreateAsync(PostgresFixture postgres)
        {
            Store store = new(await TestNode.CreateDatabaseAsync(postgres), new NodeOfStore());
            await using CloudVmDbContext db = TestNode.NewContext(store.Source);
            db.Nodes.Add(new NodeEntity { Id = store._node.Identity.Id, Name = "node", Url = "http://node", SecretHash = new byte[32], Version = "1" });
            await db.SaveChangesAsync(Ct);
            await store.ExecuteAsync(
                """
                INSERT INTO images (id, name, kind, built_in, state, size_bytes, sha256, files, minimum_memory_mib, created_at, touched_at)
                VALUES ('00000000-0000-0000-0000-000000000001', 'i', 'elf', true, 'ready', 0, decode(repeat('00', 32), 'hex'), '[]', 4, now(), now())
                """);
            await store.ExecuteAsync(
                $$"""
                INSERT INTO virtual_machines (id, project_id, name, labels, image_id, cpu, vcpu_count, host_profile, memory_mib, disks, network, restart_policy,
                    desired_state, generation, revision, created_at, updated_at)
                VALUES ('00000000-0000-0000-0000-000000000002', '{{ProjectEntity.DefaultId}}', 'v', '{}', '00000000-0000-0000-0000-000000000001', '{}', 1,
                    'max', 4, '[]', 'none', 'never', 'stopped', 1, 1, now(), now())
                """);
            return store;
        }

        public async Task<ChunkHash> PutAsync(int content)
        {
            byte[] chunk = new byte[ControlProtocol.ChunkBytes];
            BitConverter.TryWriteBytes(chunk, content + 1);
            ChunkHash hash = ChunkHash.Of(chunk);
            await Chunks.StoreAsync(new Dictionary<ChunkHash, ReadOnlyMemory<byte>> { [hash] = chunk }, Ct);
            return hash;
        }

        public async Task<Guid> OpenSessionAsync()
        {
            Guid operation = Guid.CreateVersion7();
            await ExecuteAsync(
                $$"""
                INSERT INTO operations (id, project_id, kind, state, queued, progress, phase, target_type, target_id, request, created_by, created_at, deadline, attempt)
                VALUES ('{{operation}}', '{{ProjectEntity.DefaultId}}', 'vmSnapshot', 'running', false, 0, 'x', 'vm', 'x', '{}', 'test', now(), now() + interval '1 hour', 0)
                """);
            return await Sessions.OpenAsync(operation, Ct);
        }

        public Task<Guid> AddManifestAsync(params ChunkHash[] hashes) => AddManifestAsync(session: null, hashes);

        public async Task<Guid> AddManifestAsync(Guid? session, ChunkHash[] hashes)
        {
            Guid id = Guid.CreateVersion7();
            string stored = Convert.ToHexString([.. hashes.SelectMany(hash => hash.ToArray())]);
            await ExecuteAsync(
                $$"""
                BEGIN;
                DELETE FROM upload_sessions WHERE id = '{{session ?? Guid.Empty}}';
                INSERT INTO snapshots (id, project_id, vm_id, vm_name, name, state, created_at, size_bytes, stored_bytes, chunk_count, vector_lengths_bits, cpu,
                    memory_mib, disks, image_id, format_version, revision)
                VALUES ('{{id}}', '{{ProjectEntity.DefaultId}}', '00000000-0000-0000-0000-000000000002', 'v', '{{id}}', 'ready', now(), 0, 0, 0, '[]', '{}', 4, '[]',
                    '00000000-0000-0000-0000-000000000001', 1, 1);
                INSERT INTO snapshot_manifest_parts (snapshot_id, part, hashes) VALUES ('{{id}}', 0, '\x{{stored}}');
                COMMIT
                """);
            return id;
        }

        public async Task ExecuteAsync(string sql)
        {
            await using NpgsqlCommand command = Source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Ct);
        }

        public Task WaitForAsync(string condition) => TestNode.UntilAsync(
            async () =>
            {
                await using NpgsqlCommand command = Source.CreateCommand(condition);
                return await command.ExecuteScalarAsync(Ct) is true;
            },
            () => condition);

        public async ValueTask DisposeAsync()
        {
            await Source.DisposeAsync();
            await _database.DisposeAsync();
            _node.Dispose();
        }
    }
}
