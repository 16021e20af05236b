using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace CloudVm.Storage;

/// <summary>Registers what every service that uses the database needs.</summary>
public static class StorageServices
{
    /// <summary>The assembly that holds the migrations; loaded only by who applies them.</summary>
    public const string MigrationsAssembly = "CloudVm.Migrations";

    /// <summary>
    /// Adds one pooled <see cref="NpgsqlDataSource"/>, <see cref="CloudVmDbContext"/> (scoped) and its factory.
    /// </summary>
    /// <param name="services">Where to.</param>
    /// <param name="database">As <c>CLOUDVM_DATABASE</c>: an Npgsql connection string or a <c>postgresql://</c> URI.</param>
    public static IServiceCollection AddCloudVmStorage(this IServiceCollection services, string database)
    {
        services.AddSingleton(_ => NpgsqlDataSource.Create(DatabaseAddress.Parse(database)));
        services.AddPooledDbContextFactory<CloudVmDbContext>((provider, options) =>
            options.UseCloudVm(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<CloudVmDbContext>>().CreateDbContext());
        return services;
    }

    /// <summary>Points the options at a database.</summary>
    public static DbContextOptionsBuilder UseCloudVm(this DbContextOptionsBuilder options, NpgsqlDataSource source) =>
        options.UseNpgsql(source, npgsql => npgsql.MigrationsAssembly(MigrationsAssembly));
}
