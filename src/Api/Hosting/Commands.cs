using CloudVm.Api.Access;
using CloudVm.Contracts.Access;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Hosting;

/// <summary>What the executable does besides serving. Standard output carries results only, so that scripts can read it.</summary>
internal static class Commands
{
    private const string AdministratorName = "admin";

    private static readonly Dictionary<string, Func<IServiceProvider, string[], Task<int>>> ByName = new(StringComparer.Ordinal)
    {
        ["migrate"] = (services, _) => MigrateAsync(services),
        ["bootstrap"] = (services, _) => BootstrapAsync(services),
        ["reset-password"] = (services, arguments) => ResetPasswordAsync(services, arguments.FirstOrDefault() ?? AdministratorName),
    };

    public static string Usage { get; } = $"usage: CloudVm.Api [{string.Join(" | ", ByName.Keys)} [USER]]";

    public static bool IsKnown(string name) => ByName.ContainsKey(name);

    /// <summary>Runs a command against the database, without serving.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, string name, string[] arguments)
    {
        await using var scope = services.CreateAsyncScope();
        return await ByName[name](scope.ServiceProvider, arguments);
    }

    private static async Task<int> MigrateAsync(IServiceProvider services)
    {
        await services.GetRequiredService<CloudVmDbContext>().Database.MigrateAsync();
        return 0;
    }

    /// <summary>Makes the first administrator and prints the password, this once; does nothing where there are users.</summary>
    private static async Task<int> BootstrapAsync(IServiceProvider services)
    {
        var database = services.GetRequiredService<CloudVmDbContext>();
        await using var transaction = await database.Database.BeginTransactionAsync();

        // Of two that bootstrap at once, the second waits and finds a user.
        await database.Database.ExecuteSqlAsync($"LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE");
        if (await database.Users.AnyAsync())
            return 0;

        var timeProvider = services.GetRequiredService<TimeProvider>();
        var password = Secrets.New("");
        var administrator = new UserEntity
        {
            Id = timeProvider.NewId(),
            UserName = AdministratorName,
            Role = Role.Administrator,
            LockoutEnabled = true,
            CreatedAt = timeProvider.GetDatabaseNow(),
        };
        await services.GetRequiredService<UserManager<UserEntity>>().CreateAsync(administrator, password).OrThrowAsync();
        await transaction.CommitAsync();
        await TellPasswordAsync(services, password);
        return 0;
    }

    /// <summary>Gives a user a new password, unlocks them and ends their sessions.</summary>
    private static async Task<int> ResetPasswordAsync(IServiceProvider services, string userName)
    {
        var database = services.GetRequiredService<CloudVmDbContext>();
        var users = services.GetRequiredService<UserManager<UserEntity>>();
        await using var transaction = await database.Database.BeginTransactionAsync();
        if (await users.FindByNameAsync(userName) is not { } user)
        {
            await Console.Error.WriteLineAsync($"There is no user '{userName}'.");
            return 1;
        }

        var password = Secrets.New("");
        await users.RemovePasswordAsync(user).OrThrowAsync();
        await users.AddPasswordAsync(user, password).OrThrowAsync();
        await users.ResetAccessFailedCountAsync(user).OrThrowAsync();
        await users.SetLockoutEndDateAsync(user, lockoutEnd: null).OrThrowAsync();
        var now = services.GetRequiredService<TimeProvider>().GetDatabaseNow();
        await database.ApiTokens
            .Where(t => t.UserId == user.Id && t.Kind == TokenKind.Session && t.RevokedAt == null)
            .ExecuteUpdateAsync(s => s.SetProperty(t => t.RevokedAt, now));
        await transaction.CommitAsync();

        if (userName == AdministratorName)
            await TellPasswordAsync(services, password);
        else
            await Console.Out.WriteLineAsync(password);
        return 0;
    }

    private static async Task TellPasswordAsync(IServiceProvider services, string password)
    {
        await Console.Out.WriteLineAsync(password);
        if (services.GetRequiredService<ApiSettings>().SecretsDirectory is not { } directory)
            return;

        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        await using var file = new StreamWriter(Path.Combine(directory, "admin-password"), options);
        await file.WriteLineAsync(password);
    }
}
