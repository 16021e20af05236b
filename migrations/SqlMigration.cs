using System.Reflection;
using Microsoft.EntityFrameworkCore.Migrations;

namespace CloudVm.Migrations;

/// <summary>A migration whose whole content is the embedded SQL file named by its id.</summary>
public abstract class SqlMigration : Migration
{
    protected sealed override void Up(MigrationBuilder migrationBuilder)
    {
        var id = GetType().GetCustomAttribute<MigrationAttribute>()!.Id;
        using var stream = GetType().Assembly.GetManifestResourceStream($"CloudVm.Migrations.{id}.sql")
            ?? throw new InvalidOperationException($"Migration '{id}' has no embedded SQL file.");
        using var reader = new StreamReader(stream);
        migrationBuilder.Sql(reader.ReadToEnd());
    }
}
