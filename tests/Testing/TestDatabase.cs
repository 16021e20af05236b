using Npgsql;

namespace CloudVm.Testing;

/// <summary>A database that is dropped on disposal, with whoever is still connected thrown out.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly PostgresFixture _fixture;

    internal TestDatabase(PostgresFixture fixture, string name, string connectionString)
    {
        _fixture = fixture;
        Name = name;
        ConnectionString = connectionString;
    }

    /// <summary>The database's name on its server.</summary>
    public string Name { get; }

    /// <summary>Npgsql connection string of a superuser of this database.</summary>
    public string ConnectionString { get; }

    /// <summary>Opens a connection of the test's own, for looking at the tables or taking locks.</summary>
    public async Task<NpgsqlConnection> OpenConnectionAsync(CancellationToken cancellationToken = default)
    {
        NpgsqlConnection connection = new(ConnectionString);
        await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        return connection;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await using (NpgsqlConnection pooled = new(ConnectionString))
            NpgsqlConnection.ClearPool(pooled);
        await _fixture.DropAsync(Name).ConfigureAwait(false);
    }
}
