using System.Net.Http.Headers;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Client;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Testing;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace CloudVm.Api.Tests.Harness;

/// <summary>The real service on Kestrel, with a migrated database, an administrator and an image. One for each test class.</summary>
public sealed class ApiServer(PostgresFixture postgres) : IAsyncLifetime
{
    public const string Password = "correct horse battery";

    private readonly DirectoryInfo _secrets = Directory.CreateTempSubdirectory("cloudvm-api-");
    private TestDatabase _database = null!;
    private Factory _factory = null!;

    public string LocalSecret { get; } = Guid.NewGuid().ToString("N");

    public string SecretsDirectory => _secrets.FullName;

    public TestDatabase Database => _database;

    /// <summary>Acts as administrator.</summary>
    public CloudVmClient Client { get; private set; } = null!;

    /// <summary>The same, for requests that the typed client would not make.</summary>
    public HttpClient Http { get; private set; } = null!;

    public Guid ImageId { get; private set; }

    public IServiceProvider Services => _factory.Services;

    public async ValueTask InitializeAsync()
    {
        _database = await postgres.CreateDatabaseAsync("migrated", MigrateAsync);
        await File.WriteAllTextAsync(Path.Combine(_secrets.FullName, "local-admin"), LocalSecret);
        await File.WriteAllTextAsync(Path.Combine(_secrets.FullName, "node"), "node-secret");
        _factory = new Factory(_database.ConnectionString, _secrets.FullName);
        _factory.UseKestrel(0);
        _factory.StartServer();

        await AddUserAsync("admin", Role.Administrator);
        Http = await SignInAsync("admin");
        Client = new CloudVmClient(Http);
        ImageId = await AddImageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _factory.DisposeAsync();
        await _database.DisposeAsync();
        _secrets.Delete(recursive: true);
    }

    /// <summary>A client without credentials.</summary>
    public HttpClient NewHttp() => new() { BaseAddress = _factory.ClientOptions.BaseAddress };

    public async Task<HttpClient> SignInAsync(string user)
    {
        var http = NewHttp();
        var token = await new CloudVmClient(http).Access.SignInAsync(user, Password);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Token);
        return http;
    }

    public async Task<Guid> AddUserAsync(string name, Role role)
    {
        await using var scope = Services.CreateAsyncScope();
        var user = new UserEntity { Id = Guid.CreateVersion7(), UserName = name, Role = role, LockoutEnabled = true };
        var result = await scope.ServiceProvider.GetRequiredService<UserManager<UserEntity>>().CreateAsync(user, Password);
        Assert.True(result.Succeeded, string.Join(' ', result.Errors.Select(e => e.Description)));
        return user.Id;
    }

    public CloudVmDbContext NewContext() => Services.GetRequiredService<IDbContextFactory<CloudVmDbContext>>().CreateDbContext();

    private async Task<Guid> AddImageAsync()
    {
        await using var context = NewContext();
        var image = new ImageEntity
        {
            Id = Guid.CreateVersion7(),
            Name = "hello-sve",
            BuiltIn = true,
            State = ImageState.Ready,
            Sha256 = new byte[32],
            Files = [],
            MinimumMemoryMiB = 4,
        };
        context.Images.Add(image);
        await context.SaveChangesAsync();
        return image.Id;
    }

    private static async Task MigrateAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var context = new CloudVmDbContext(
            (DbContextOptions<CloudVmDbContext>)new DbContextOptionsBuilder<CloudVmDbContext>().UseCloudVm(source).Options);
        await context.Database.MigrateAsync();
    }

    private sealed class Factory(string database, string secrets) : WebApplicationFactory<ApiSettings>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder) => builder
            .UseSetting("CLOUDVM_DATABASE", database)
            .UseSetting("CLOUDVM_API_URL", "http://127.0.0.1:0")
            .UseSetting("CLOUDVM_SECRETS_DIR", secrets)
            .UseSetting("CLOUDVM_ANONYMOUS_RATE_LIMIT", "100000")
            .UseSetting("Logging:LogLevel:Default", "Warning");
    }
}
