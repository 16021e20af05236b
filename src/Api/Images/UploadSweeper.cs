using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Images;

/// <summary>Removes what uploads that never completed have left.</summary>
internal sealed partial class UploadSweeper(
    IDbContextFactory<CloudVmDbContext> databases, TimeProvider timeProvider, ILogger<UploadSweeper> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>An upload without a new part for so long is over, whatever became of its connection.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, timeProvider);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var database = await databases.CreateDbContextAsync(stoppingToken);
                var stale = timeProvider.GetUtcNow() - Patience;
                await database.Images.Where(i => i.State == ImageState.Uploading && i.TouchedAt < stale).ExecuteDeleteAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogPostponed(logger, e.Message);
            }
        }
    }

    [LoggerMessage(EventId = 400, Level = LogLevel.Warning, Message = "Sweeping uploads is postponed: {Reason}")]
    private static partial void LogPostponed(ILogger logger, string reason);
}
