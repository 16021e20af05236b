using CloudVm.Api.Access;
using CloudVm.Api.Capabilities;
using CloudVm.Api.Events;
using CloudVm.Api.HostProfiles;
using CloudVm.Api.Images;
using CloudVm.Api.Nodes;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Operations;
using CloudVm.Api.Schedules;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Api.Shared.RateLimits;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Api.Snapshots;
using CloudVm.Api.Vms;
using CloudVm.Contracts.Serialization;
using CloudVm.Storage;

namespace CloudVm.Api.Hosting;

/// <summary>Puts the service together.</summary>
internal static class ApiHost
{
    /// <summary>JSON bodies; images have their own bound.</summary>
    private const long MaxBodyBytes = 1024 * 1024;

    public static void AddApi(this WebApplicationBuilder builder)
    {
        var settings = ApiSettings.Read(builder.Configuration);
        builder.WebHost.UseSetting(WebHostDefaults.ServerUrlsKey, settings.ApiUrl);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
        });
        builder.Services.AddSingleton(settings);
        builder.Services.AddApiServices(settings);
    }

    public static void UseApi(this WebApplication app)
    {
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseWhen(
            context => context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal),
            api => api.UseMiddleware<RateLimiting>());
        app.UseAuthorization();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(20) });
        app.UseBodyBuffering();

        app.MapHealth();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        var api = app.MapGroup(ApiRoutes.Root);
        api.MapAccess();
        api.MapVms();
        api.MapGuests();
        api.MapDebuggers();
        api.MapOperations();
        api.MapSnapshots();
        api.MapSchedules();
        api.MapImages();
        api.MapHostProfiles();
        api.MapNodes();
        api.MapEvents();
        api.MapCapabilities();
    }

    private static void AddApiServices(this IServiceCollection services, ApiSettings settings) => services
        .AddSingleton(TimeProvider.System)
        .AddCloudVmStorage(settings.Database)
        .AddSingleton<PageTokens>()
        .AddScoped<Pager>()
        .ConfigureHttpJsonOptions(json => CloudVmJson.Configure(json.SerializerOptions))
        .AddAccess()
        .AddVms()
        .AddGuests()
        .AddDebuggers()
        .AddOperations()
        .AddSnapshots()
        .AddSchedules()
        .AddImages()
        .AddHostProfiles()
        .AddNodes()
        .AddEvents()
        .AddApiDescription();
}
