using System.Diagnostics;
using CloudVm.Testing;
using Npgsql;

namespace CloudVm.Launcher.Tests;

public sealed class PostgresFixtureTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Databases_are_copies_of_a_template_that_is_prepared_once()
    {
        await using PostgresFixture fixture = new();
        int prepared = 0;

        async Task PrepareAsync(string connectionString)
        {
            Interlocked.Increment(ref prepared);
            await using NpgsqlConnection connection = new(connectionString);
            await connection.OpenAsync();
            await using NpgsqlCommand create = new("CREATE TABLE things (id int)", connection);
            await create.ExecuteNonQueryAsync();
        }

        TestDatabase[] databases = await Task.WhenAll(
            Enumerable.Range(0, 3).Select(_ => fixture.CreateDatabaseAsync("things", PrepareAsync)));

        Assert.Equal(1, prepared);
        await using (NpgsqlConnection first = await databases[0].OpenConnectionAsync(Cancellation))
        {
            await using NpgsqlCommand insert = new("INSERT INTO things VALUES (1)", first);
            await insert.ExecuteNonQueryAsync(Cancellation);
        }

        await using (NpgsqlConnection second = await databases[1].OpenConnectionAsync(Cancellation))
        {
            await using NpgsqlCommand count = new("SELECT count(*) FROM things", second);
            Assert.Equal(0L, await count.ExecuteScalarAsync(Cancellation));
        }

        foreach (TestDatabase database in databases)
            await database.DisposeAsync();
    }

    [Fact]
    public async Task A_disposed_server_leaves_neither_process_nor_directory()
    {
        PostgresServer server = await PostgresServer.StartAsync(Cancellation);
        string directory = new NpgsqlConnectionStringBuilder(server.ConnectionString).Host!;
        int postmaster = server.ProcessId;
        Assert.True(Directory.Exists($"/proc/{postmaster}"));

        await server.DisposeAsync();

        Assert.False(Directory.Exists($"/proc/{postmaster}"));
        Assert.False(Directory.Exists(directory));
    }

    [Fact]
    public async Task A_server_ends_when_its_watchdog_is_killed()
    {
        PostgresServer server = await PostgresServer.StartAsync(Cancellation);
        int postmaster = server.ProcessId;
        int watchdog = ProcessTable.ParentOf(postmaster);

        using (Process shell = Process.GetProcessById(watchdog))
            shell.Kill();

        Stopwatch clock = Stopwatch.StartNew();
        while (Directory.Exists($"/proc/{postmaster}") && clock.Elapsed < TimeSpan.FromSeconds(20))
            await Task.Delay(20, Cancellation);
        Assert.False(Directory.Exists($"/proc/{postmaster}"));
        await server.DisposeAsync();
    }
}
