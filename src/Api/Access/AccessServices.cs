using CloudVm.Contracts.Access;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;

namespace CloudVm.Api.Access;

internal static class AccessServices
{
    public const int MinPasswordLength = 12;

    /// <summary>Tokens, passwords, roles and keys. Endpoints are closed unless they say otherwise.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.AddIdentityCore<UserEntity>(options =>
        {
            // Length is what makes a password hard to guess; composition rules make it hard to remember.
            options.Password.RequiredLength = MinPasswordLength;
            options.Password.RequireDigit = false;
            options.Password.RequireLowercase = false;
            options.Password.RequireUppercase = false;
            options.Password.RequireNonAlphanumeric = false;
            options.Lockout.MaxFailedAccessAttempts = 5;
            options.Lockout.DefaultLockoutTimeSpan = TimeSpan.FromMinutes(5);
        }).AddEntityFrameworkStores<CloudVmDbContext>();

        services.AddAuthentication(TokenAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, TokenAuthentication>(TokenAuthentication.SchemeName, configureOptions: null);
        services.AddAuthorizationBuilder().SetFallbackPolicy(
            new AuthorizationPolicyBuilder().AddRequirements(new RoleRequirement(Role.Viewer)).Build());

        services.AddDataProtection().SetApplicationName("CloudVm");
        services.AddSingleton<DatabaseKeyRepository>();
        services.AddOptions<KeyManagementOptions>()
            .Configure<DatabaseKeyRepository>((options, repository) => options.XmlRepository = repository);

        services.AddHttpContextAccessor();
        return services
            .AddSingleton<TokenStore>()
            .AddScoped<ProjectScope>()
            .AddScoped<TokenIssuer>()
            .AddScoped<SignIn>()
            .AddScoped<LocalTokens>()
            .AddScoped<Tokens>()
            .AddScoped<Tickets>()
            .AddScoped<WhoAmI>()
            .AddScoped<Users>();
    }
}
