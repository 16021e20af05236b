using System.Runtime.CompilerServices;

namespace CloudVm.Contracts.Client;

/// <summary>Walks whole collections.</summary>
public static class Paging
{
    /// <summary>Every resource of a collection, fetched page by page: <c>Paging.AllAsync(client.Vms.ListAsync, query)</c>.</summary>
    public static async IAsyncEnumerable<T> AllAsync<T>(
        Func<ListQuery?, CancellationToken, Task<Page<T>>> list,
        ListQuery? query = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        query ??= new ListQuery();
        while (true)
        {
            var page = await list(query, cancellationToken).ConfigureAwait(false);
            foreach (var item in page.Items)
                yield return item;
            if (page.NextPageToken is null)
                yield break;
            query = query with { PageToken = page.NextPageToken };
        }
    }
}
