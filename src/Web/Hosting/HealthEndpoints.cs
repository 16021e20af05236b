using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace CloudVm.Web.Hosting;

/// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: it can also reach a ready API.</summary>
public static class HealthEndpoints
{
    /// <summary>Tag of the checks behind <c>/readyz</c>.</summary>
    public const string Ready = "ready";

    public static void MapHealthEndpoints(this IEndpointRouteBuilder routes)
    {
        routes.MapHealthChecks("/healthz", new HealthCheckOptions { Predicate = _ => false }).DisableHttpMetrics();
        routes.MapHealthChecks("/readyz", new HealthCheckOptions { Predicate = check => check.Tags.Contains(Ready) }).DisableHttpMetrics();
    }
}
