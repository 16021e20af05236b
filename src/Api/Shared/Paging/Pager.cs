using System.Linq.Expressions;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Contracts;
using CloudVm.Contracts.Problems;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Shared.Paging;

/// <summary>What a collection offers to its lists.</summary>
/// <param name="Fields">For <c>filter</c> and <c>orderBy</c>.</param>
/// <param name="DefaultOrder">In place of a missing <c>orderBy</c>.</param>
/// <param name="Key">A unique column.</param>
internal sealed record Listing<TEntity>(FieldMap<TEntity> Fields, string DefaultOrder, LambdaExpression Key);

/// <summary>Cuts queries into pages (AIP-158) by the last row's place, so that pages neither repeat nor skip rows.</summary>
internal sealed class Pager(PageTokens tokens)
{
    /// <param name="rows">What the principal may see.</param>
    /// <param name="request">The query.</param>
    /// <param name="listing">The collection.</param>
    /// <param name="toContract">Makes the resources of one page, in order.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<Page<TContract>> ListAsync<TEntity, TContract>(
        IQueryable<TEntity> rows,
        ListRequest request,
        Listing<TEntity> listing,
        Func<IReadOnlyList<TEntity>, Task<IReadOnlyList<TContract>>> toContract,
        CancellationToken cancellationToken)
        where TEntity : class
    {
        var reasons = new List<ProblemReason>();
        var order = SortOrder<TEntity>.Parse(request.OrderBy, listing.Fields, listing.DefaultOrder, listing.Key, reasons);
        var filter = ReadFilter(request, listing.Fields, reasons);
        if (reasons.Count > 0)
            throw ListRequest.BadQuery(reasons);

        if (filter is not null)
            rows = rows.Where(filter);
        if (request.PageToken is not null)
            rows = rows.Where(order.After(tokens.Read(request)));

        // One more than asked for tells whether there is a next page.
        var found = await order.Apply(rows).AsNoTracking().Take(request.PageSize + 1).ToListAsync(cancellationToken);
        var hasNext = found.Count > request.PageSize;
        if (hasNext)
            found.RemoveAt(request.PageSize);
        return new Page<TContract>
        {
            Items = await toContract(found),
            NextPageToken = hasNext ? tokens.Write(request, order.PlaceOf(found[^1])) : null,
        };
    }

    public Task<Page<TContract>> ListAsync<TEntity, TContract>(
        IQueryable<TEntity> rows,
        ListRequest request,
        Listing<TEntity> listing,
        Func<TEntity, TContract> toContract,
        CancellationToken cancellationToken)
        where TEntity : class =>
        ListAsync(
            rows,
            request,
            listing,
            page => Task.FromResult<IReadOnlyList<TContract>>([.. page.Select(toContract)]),
            cancellationToken);

    private static Expression<Func<TEntity, bool>>? ReadFilter<TEntity>(
        ListRequest request, FieldMap<TEntity> fields, List<ProblemReason> reasons)
    {
        if (request.Filter is null)
            return null;
        try
        {
            return FilterParser<TEntity>.Parse(request.Filter, fields);
        }
        catch (FilterException e)
        {
            reasons.Add(new ProblemReason("?filter", "invalidParameter", e.Message));
            return null;
        }
    }
}
