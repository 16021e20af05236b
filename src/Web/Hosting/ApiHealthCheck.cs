using CloudVm.Web.Sessions;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace CloudVm.Web.Hosting;

/// <summary>Asks the API whether it is ready; without it the dashboard can do nothing.</summary>
public sealed class ApiHealthCheck(ApiAccess api, TimeProvider time) : IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        using var timeout = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        using var http = api.CreateHttp();
        try
        {
            using var response = await http.GetAsync("readyz", either.Token);
            return response.IsSuccessStatusCode
                ? HealthCheckResult.Healthy()
                : HealthCheckResult.Unhealthy($"{api.BaseAddress} is not ready: {(int)response.StatusCode}.");
        }
        catch (HttpRequestException e)
        {
            return HealthCheckResult.Unhealthy($"{api.BaseAddress} cannot be reached: {e.Message}");
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy($"{api.BaseAddress} did not answer within {Patience.TotalSeconds} s.");
        }
    }
}
