using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;

namespace CloudVm.Api.Shared.RateLimits;

/// <summary>
/// Bounds how often one principal, or one address without a principal, may ask; says so in <c>RateLimit-*</c> headers and
/// refuses with 429. Counts in fixed windows, per instance.
/// </summary>
internal sealed class RateLimiting(RequestDelegate next, ApiSettings settings, TimeProvider timeProvider)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    /// <summary>Beyond this many partitions, those of earlier windows are forgotten.</summary>
    private const int ManyPartitions = 10_000;

    private readonly ConcurrentDictionary<string, Counter> _counters = new(StringComparer.Ordinal);

    public Task InvokeAsync(HttpContext context)
    {
        var principal = context.User.FindPrincipal();
        var key = principal is null ? $"address {context.Connection.RemoteIpAddress}" : $"user {principal.UserId}";
        var limit = principal is null ? settings.AnonymousRequestsPerWindow : settings.RequestsPerWindow;

        var now = timeProvider.GetUtcNow().Ticks;
        var window = now / Window.Ticks;
        var left = limit - Count(key, window);
        var reset = (int)Math.Ceiling(TimeSpan.FromTicks(((window + 1) * Window.Ticks) - now).TotalSeconds);
        var headers = context.Response.Headers;
        headers["RateLimit-Limit"] = limit.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Remaining"] = Math.Max(0, left).ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Reset"] = reset.ToString(CultureInfo.InvariantCulture);
        return left >= 0 ? next(context) : RefuseAsync(context, reset);
    }

    private static Task RefuseAsync(HttpContext context, int reset) => ProblemWriter.WriteAsync(
        context,
        new ProblemException(StatusCodes.Status429TooManyRequests, ProblemCodes.TooManyRequests, "Too many requests; slow down.")
        {
            Headers = ImmutableDictionary<string, string>.Empty.Add("Retry-After", reset.ToString(CultureInfo.InvariantCulture)),
        });

    private int Count(string key, long window)
    {
        if (_counters.Count > ManyPartitions)
        {
            foreach (var (old, counter) in _counters)
            {
                if (counter.Window < window)
                    _counters.TryRemove(old, out _);
            }
        }

        return _counters.GetOrAdd(key, _ => new Counter()).Increment(window);
    }

    private sealed class Counter
    {
        private readonly Lock _lock = new();
        private int _count;

        public long Window { get; private set; }

        public int Increment(long window)
        {
            lock (_lock)
            {
                if (Window != window)
                    (Window, _count) = (window, 0);
                return ++_count;
            }
        }
    }
}
