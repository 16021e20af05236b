using System.Globalization;
using CloudVm.Contracts.Operations;

namespace CloudVm.Contracts.Client;

/// <summary><c>/operations</c></summary>
public sealed class OperationsClient
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(120);

    private readonly ApiTransport _transport;

    internal OperationsClient(ApiTransport transport) => _transport = transport;

    public Task<Page<Operation>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<Operation>>("operations".WithQuery(query), cancellationToken);

    public Task<Operation> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Operation>($"operations/{id}", cancellationToken);

    /// <summary>One <c>:wait</c>: answers when the operation ends, or as it is after <paramref name="timeout"/> (at most 120 s).</summary>
    public Task<Operation> WaitAsync(Guid id, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        var seconds = (timeout < LongestWait ? timeout : LongestWait).TotalSeconds.ToString(CultureInfo.InvariantCulture);
        return _transport.GetAsync<Operation>($"operations/{id}:wait".WithQuery(("timeout", seconds)), cancellationToken);
    }

    /// <summary>Waits until the operation has ended, however long that takes.</summary>
    public async Task<Operation> WaitForEndAsync(Guid id, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var operation = await WaitAsync(id, LongestWait, cancellationToken).ConfigureAwait(false);
            if (operation.Done)
                return operation;
        }
    }

    public Task<Operation> CancelAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Operation>(HttpMethod.Post, $"operations/{id}:cancel", body: null, options: null, cancellationToken);
}
