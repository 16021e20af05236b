using CloudVm.Testing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Storage.Tests;

/// <summary>The migrations are written by hand; this is what keeps them and the model the same.</summary>
public sealed class MigrationParityTests(PostgresFixture postgres)
{
    // Column order, triggers, storage settings and seeded rows are SQL's own and not compared.
    private const string CatalogueSql = """
        SELECT format('column %s.%s %s%s%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
            coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
            AND c.relname <> '__EFMigrationsHistory'
        UNION ALL
        SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> '"__EFMigrationsHistory"'
        UNION ALL
        SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '__EFMigrationsHistory'
        """;

    [Fact]
    public async Task The_migrations_make_what_the_model_says()
    {
        await using var migrated = await postgres.CreateMigratedAsync();
        await using var generated = await postgres.CreateDatabaseAsync();
        await using (var source = NpgsqlDataSource.Create(generated.ConnectionString))
        await using (var context = Databases.NewContext(source))
        {
            await using var create = source.CreateCommand(context.Database.GenerateCreateScript());
            await create.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var fromMigrations = await ReadCatalogueAsync(migrated);
        var fromModel = await ReadCatalogueAsync(generated);

        Assert.NotEmpty(fromModel);
        Assert.Equal([], fromModel.Except(fromMigrations));
        Assert.Equal([], fromMigrations.Except(fromModel));
    }

    [Fact]
    public async Task Migrating_again_changes_nothing()
    {
        await using var database = await postgres.CreateMigratedAsync();
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var context = Databases.NewContext(source);

        Assert.Empty(await context.Database.GetPendingMigrationsAsync(TestContext.Current.CancellationToken));
        await context.Database.MigrateAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<List<string>> ReadCatalogueAsync(TestDatabase database)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(CatalogueSql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var lines = new List<string>();
        while (await reader.ReadAsync())
            lines.Add(reader.GetString(0));
        lines.Sort(StringComparer.Ordinal);
        return lines;
    }
}
