using CloudVm.Contracts.Operations;
using CloudVm.Storage;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Operations;

/// <summary>Ends what no Worker ends: operations past their deadline, and the records of those that ended long ago.</summary>
internal sealed partial class OperationSweeper(
    IDbContextFactory<CloudVmDbContext> databases, TimeProvider timeProvider, ILogger<OperationSweeper> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KeepEnded = TimeSpan.FromDays(30);
    private static readonly TimeSpan KeepAnswers = TimeSpan.FromHours(24);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, timeProvider);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogPostponed(logger, e.Message);
            }
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        await using var database = await databases.CreateDbContextAsync(cancellationToken);
        foreach (var operation in await database.ExpireOverdueAsync(timeProvider, cancellationToken))
            LogExpired(logger, operation.Kind, operation.Id);

        var now = timeProvider.GetUtcNow();
        await database.Operations.Where(o => o.EndedAt < now - KeepEnded).ExecuteDeleteAsync(cancellationToken);
        await database.IdempotencyKeys.Where(k => k.CreatedAt < now - KeepAnswers).ExecuteDeleteAsync(cancellationToken);
        await database.Tickets.Where(t => t.ExpiresAt < now).ExecuteDeleteAsync(cancellationToken);
        await database.ApiTokens.Where(t => t.ExpiresAt < now - KeepEnded).ExecuteDeleteAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 200, Level = LogLevel.Warning, Message = "Operation {Kind} {Id} passed its deadline")]
    private static partial void LogExpired(ILogger logger, OperationKind kind, Guid id);

    [LoggerMessage(EventId = 201, Level = LogLevel.Warning, Message = "Sweeping is postponed: {Reason}")]
    private static partial void LogPostponed(ILogger logger, string reason);
}
