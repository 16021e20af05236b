using CloudVm.Web.Components;
using CloudVm.Web.Consoles;
using CloudVm.Web.Hosting;
using CloudVm.Web.Live;
using CloudVm.Web.Sessions;
using Microsoft.AspNetCore.DataProtection;
using Radzen;

// Content lies beside the assembly, wherever the process was started from.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
var settings = WebSettings.From(builder.Configuration);

builder.WebHost.UseStaticWebAssets();
builder.WebHost.UseUrls(settings.ListenUrl.ToString());

builder.Services.AddSingleton(settings);
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSingleton<ApiAccess>();
builder.Services.AddSessionCookie();
builder.Services.AddScoped(services => services.GetRequiredService<ApiAccess>().Create(services.GetRequiredService<CurrentSession>()));
builder.Services.AddScoped<LiveEvents>();
builder.Services.AddScoped<OperationTracker>();
builder.Services.AddScoped<Toasts>();
builder.Services.AddRadzenComponents();
builder.Services.AddHttpContextAccessor();
builder.Services.AddCascadingAuthenticationState();
builder.Services.AddRazorComponents().AddInteractiveServerComponents();
builder.Services.AddHealthChecks().AddCheck<ApiHealthCheck>("api", tags: [HealthEndpoints.Ready]);

var keys = builder.Services.AddDataProtection().SetApplicationName("CloudVm.Web");
if (settings.StateDirectory is { } state)
    keys.PersistKeysToFileSystem(PrivateDirectory.Create(Path.Combine(state, "web", "keys")));

var app = builder.Build();

app.UseSecurityHeaders();
app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
app.UseWebSockets(); // before authentication: it is what tells a socket from a page
app.UseAuthentication();
app.UseAuthorization();
app.UseAntiforgery();

app.MapHealthEndpoints();
app.MapStaticAssets();
app.MapSignOut();
app.MapConsole();
app.MapRazorComponents<App>().AddInteractiveServerRenderMode(options => options.DisableWebSocketCompression = true);

await app.RunAsync();
