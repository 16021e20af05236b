using System.Diagnostics;
using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Testing;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Tests;

/// <summary>The executable's commands, run as processes, since scripts read their standard output.</summary>
public sealed class CommandTests(PostgresFixture postgres, ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_empty_database_is_migrated_and_gets_one_administrator()
    {
        await using var database = await postgres.CreateDatabaseAsync();
        var secrets = Directory.CreateTempSubdirectory("cloudvm-commands-");

        Assert.Equal((0, ""), await RunAsync(database.ConnectionString, secrets.FullName, "migrate"));
        Assert.Equal((0, ""), await RunAsync(database.ConnectionString, secrets.FullName, "migrate"));
        var (exitCode, password) = await RunAsync(database.ConnectionString, secrets.FullName, "bootstrap");
        var again = await RunAsync(database.ConnectionString, secrets.FullName, "bootstrap");

        Assert.Equal((0, (0, "")), (exitCode, again));
        var file = new FileInfo(Path.Combine(secrets.FullName, "admin-password"));
        Assert.Equal(password, await File.ReadAllTextAsync(file.FullName, Cancelled));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode);
        Assert.True(await IsPasswordAsync(database.ConnectionString, password.Trim()));

        var (_, changed) = await RunAsync(database.ConnectionString, secrets.FullName, "reset-password");
        Assert.False(await IsPasswordAsync(database.ConnectionString, password.Trim()));
        Assert.True(await IsPasswordAsync(database.ConnectionString, changed.Trim()));
        secrets.Delete(recursive: true);
    }

    [Fact]
    public async Task A_new_password_ends_the_users_sessions()
    {
        var name = Requests.UniqueName("user");
        await api.AddUserAsync(name, Contracts.Access.Role.Administrator);
        using var session = await api.SignInAsync(name);

        var (exitCode, password) = await RunAsync(api.Database.ConnectionString, api.SecretsDirectory, "reset-password", name);

        Assert.Equal(0, exitCode);
        Assert.NotEmpty(password);
        await (await session.SendJsonAsync(HttpMethod.Get, "/me")).ReadProblemAsync(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("reset-password", "nobody-at-all")]
    [InlineData("fly")]
    public async Task What_cannot_be_done_fails(params string[] command)
    {
        var (exitCode, output) = await RunAsync(api.Database.ConnectionString, api.SecretsDirectory, command);

        Assert.NotEqual(0, exitCode);
        Assert.Empty(output);
    }

    private static async Task<bool> IsPasswordAsync(string database, string password)
    {
        await using var context = new CloudVmDbContext(
            new DbContextOptionsBuilder<CloudVmDbContext>().UseNpgsql(database).Options);
        var user = await context.Users.SingleAsync(u => u.UserName == "admin", Cancelled);
        return new PasswordHasher<UserEntity>().VerifyHashedPassword(user, user.PasswordHash!, password) != PasswordVerificationResult.Failed;
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string database, string secrets, params string[] command)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "CloudVm.Api.dll"), .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CLOUDVM_DATABASE"] = database;
        start.Environment["CLOUDVM_SECRETS_DIR"] = secrets;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Cancelled);
        var errors = process.StandardError.ReadToEndAsync(Cancelled);
        await process.WaitForExitAsync(Cancelled);
        TestContext.Current.TestOutputHelper?.WriteLine(await errors);
        return (process.ExitCode, await output);
    }
}
