using System.Collections.Concurrent;
using Npgsql;

namespace CloudVm.Testing;

/// <summary>
/// Fresh databases for tests, on a private PostgreSQL server. Register it once per test assembly with
/// <c>[assembly: AssemblyFixture(typeof(PostgresFixture))]</c> and take it as a constructor parameter.
/// </summary>
/// <remarks>
/// The server starts at the first database asked for. When <c>CLOUDVM_TEST_DATABASE_SERVER</c> holds the connection
/// string of a server (the gate starts one for all test projects), that one is used and left running.
/// Thread: any; test classes may ask at the same time.
/// </remarks>
public sealed class PostgresFixture : IAsyncDisposable
{
    /// <summary>Environment variable with the connection string of a server to use in place of an own one.</summary>
    public const string ServerVariable = "CLOUDVM_TEST_DATABASE_SERVER";

    private readonly ConcurrentDictionary<string, Lazy<Task<string>>> _templates = new(StringComparer.Ordinal);
    private readonly Lazy<Task<string>> _server;
    private PostgresServer? _ownServer;

    /// <summary>Prepares the fixture; starts nothing yet.</summary>
    public PostgresFixture() => _server = new(FindOrStartServerAsync);

    /// <summary>Connection string of the server's superuser, to the database <c>postgres</c>.</summary>
    public Task<string> GetServerConnectionStringAsync() => _server.Value;

    /// <summary>Creates an empty database.</summary>
    public async Task<TestDatabase> CreateDatabaseAsync()
        => await CreateAsync(template: "template0").ConfigureAwait(false);

    /// <summary>Creates a database from a template that is prepared once per test process.</summary>
    /// <param name="templateKey">Names the preparation, for example <c>migrated</c>.</param>
    /// <param name="prepareAsync">
    /// Fills the template, given its connection string; it runs at the first use of <paramref name="templateKey"/> only.
    /// It must close its connections, since PostgreSQL copies no database that is in use.
    /// </param>
    public async Task<TestDatabase> CreateDatabaseAsync(string templateKey, Func<string, Task> prepareAsync)
    {
        Lazy<Task<string>> template = _templates.GetOrAdd(
            templateKey, _ => new Lazy<Task<string>>(() => CreateTemplateAsync(prepareAsync)));
        return await CreateAsync(await template.Value.ConfigureAwait(false)).ConfigureAwait(false);
    }

    /// <summary>Drops the templates, and stops the server if it is this fixture's own.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ownServer is not null)
        {
            await _ownServer.DisposeAsync().ConfigureAwait(false);
            return;
        }

        foreach (Lazy<Task<string>> template in _templates.Values.Where(t => t is { IsValueCreated: true, Value.IsCompletedSuccessfully: true }))
            await ExecuteAsync($"DROP DATABASE IF EXISTS {await template.Value.ConfigureAwait(false)} WITH (FORCE)").ConfigureAwait(false);
    }

    internal async Task DropAsync(string name)
        => await ExecuteAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)").ConfigureAwait(false);

    private async Task<string> FindOrStartServerAsync()
    {
        string? given = Environment.GetEnvironmentVariable(ServerVariable);
        if (!string.IsNullOrEmpty(given))
            return given;
        _ownServer = await PostgresServer.StartAsync().ConfigureAwait(false);
        return _ownServer.ConnectionString;
    }

    private async Task<string> CreateTemplateAsync(Func<string, Task> prepareAsync)
    {
        string name = NewName("template");
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE template0").ConfigureAwait(false);
        // Unpooled, so that no idle connection keeps the template in use.
        await prepareAsync(await ConnectionStringAsync(name, pooling: false).ConfigureAwait(false)).ConfigureAwait(false);
        return name;
    }

    private async Task<TestDatabase> CreateAsync(string template)
    {
        string name = NewName("test");
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template}").ConfigureAwait(false);
        return new TestDatabase(this, name, await ConnectionStringAsync(name, pooling: true).ConfigureAwait(false));
    }

    private static string NewName(string kind) => $"{kind}_{Guid.NewGuid():N}";

    private async Task<string> ConnectionStringAsync(string database, bool pooling)
        => new NpgsqlConnectionStringBuilder(await _server.Value.ConfigureAwait(false))
        {
            Database = database,
            Pooling = pooling,
            IncludeErrorDetail = true,
        }.ConnectionString;

    private async Task ExecuteAsync(string sql)
    {
        await using NpgsqlConnection connection = new(await ConnectionStringAsync("postgres", pooling: false).ConfigureAwait(false));
        await connection.OpenAsync().ConfigureAwait(false);
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }
}
