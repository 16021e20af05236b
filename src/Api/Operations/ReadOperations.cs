using System.Globalization;
using System.Linq.Expressions;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Operations;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Operations;

/// <summary><c>GET /operations</c></summary>
internal sealed class ListOperations(ProjectScope scope, Pager pager)
{
    private static readonly Listing<OperationEntity> Listing = new(
        new FieldMap<OperationEntity>()
            .Add("id", o => o.Id)
            .Add("kind", o => o.Kind)
            .Add("state", o => o.State)
            .Add("done", o => o.EndedAt != null)
            .AddOrdered("phase", o => o.Phase)
            .AddOrdered("progress", o => o.Progress)
            .Add("target.type", o => o.TargetType)
            .Add("target.id", o => o.TargetId)
            .Add("target.name", o => o.TargetName)
            .AddOrdered("createdBy", o => o.CreatedBy)
            .AddOrdered("createdAt", o => o.CreatedAt)
            .Add("endedAt", o => o.EndedAt)
            .AddOrdered("deadline", o => o.Deadline),
        DefaultOrder: "createdAt desc",
        Key: (Expression<Func<OperationEntity, Guid>>)(o => o.Id));

    public async Task<Answer> HandleAsync(ListRequest request, CancellationToken cancellationToken) =>
        Answer.Ok(await pager.ListAsync(scope.Operations, request, Listing, o => o.ToContract(), cancellationToken));
}

/// <summary><c>GET /operations/{id}</c></summary>
internal sealed class GetOperation(ProjectScope scope)
{
    public async Task<Answer> HandleAsync(Guid id, CancellationToken cancellationToken)
    {
        var operation = await FindAsync(id, cancellationToken);
        return Answer.Ok(operation, EtagOf(operation));
    }

    public async Task<Operation> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await scope.Operations.AsNoTracking().FirstOrDefaultAsync(o => o.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("operation", id)).ToContract();

    /// <summary>An operation has no definition to change; its tag follows its progress.</summary>
    public static string EtagOf(Operation operation) => $"1.{(int)operation.State}-{operation.Progress}-{operation.Phase}";
}

/// <summary><c>GET /operations/{id}:wait</c></summary>
internal sealed class WaitForOperation(GetOperation get, OperationWaiters waiters, TimeProvider timeProvider)
{
    public const int MaxSeconds = 120;

    private const int DefaultSeconds = 30;

    public async Task<Answer> HandleAsync(Guid id, HttpRequest request, CancellationToken cancellationToken)
    {
        var deadline = timeProvider.GetUtcNow() + ReadTimeout(request);
        while (true)
        {
            // Enlisted before looking, or an end between the two would go unheard.
            using var waiter = waiters.Enlist(id);
            var operation = await get.FindAsync(id, cancellationToken);
            var left = deadline - timeProvider.GetUtcNow();
            if (operation.Done || left <= TimeSpan.Zero)
                return Answer.Ok(operation, GetOperation.EtagOf(operation));
            await waiter.WaitAsync(left, cancellationToken);
        }
    }

    private static TimeSpan ReadTimeout(HttpRequest request)
    {
        var text = request.Query["timeout"].ToString();
        if (text.Length == 0)
            return TimeSpan.FromSeconds(DefaultSeconds);
        return double.TryParse(text.TrimEnd('s'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds is >= 0 and <= MaxSeconds
                ? TimeSpan.FromSeconds(seconds)
                : throw Refusal.BadQuery("timeout", $"'{text}' is no number of seconds from 0 to {MaxSeconds}.");
    }
}
