using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json;
using CloudVm.Contracts;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Web.Live;

/// <summary>The circuit's view of operations: the newest ones, kept current by events.</summary>
/// <remarks>Thread: any.</remarks>
public sealed partial class OperationTracker(CloudVmClient api, LiveEvents live, ILogger<OperationTracker> logger) : IDisposable
{
    private const int Kept = 50;

    private readonly ConcurrentDictionary<Guid, Operation> _operations = new();
    private readonly ConcurrentDictionary<Guid, bool> _mine = new();
    private readonly CancellationTokenSource _stop = new();
    private IDisposable? _subscription;

    /// <summary>Raised when an operation is new or has changed.</summary>
    public event Action<Operation>? Changed;

    /// <summary>Raised once for each operation that was started through <see cref="Track"/>, when it ends.</summary>
    public event Action<Operation>? MineEnded;

    /// <summary>Newest first.</summary>
    public ImmutableArray<Operation> All => [.. _operations.Values.OrderByDescending(o => o.CreatedAt)];

    /// <summary>How many are under way.</summary>
    public int ActiveCount => _operations.Values.Count(o => !o.Done);

    /// <summary>Starts following; repeated calls change nothing.</summary>
    public async Task StartAsync()
    {
        if (_subscription is not null)
            return;
        _subscription = live.Subscribe(OnEvent, () => _ = RefreshAsync());
        await RefreshAsync();
    }

    /// <summary>The operation as last seen.</summary>
    public Operation? Find(Guid? id) => id is { } known && _operations.TryGetValue(known, out var operation) ? operation : null;

    /// <summary>The operation under way on a VM, if any.</summary>
    public Operation? ActiveOf(Guid vmId)
    {
        var id = vmId.ToString();
        return _operations.Values.Where(o => !o.Done && o.Target.Id == id).MaxBy(o => o.CreatedAt);
    }

    /// <summary>Takes in an operation that this circuit has just started; its end will be reported.</summary>
    public void Track(Operation operation)
    {
        _mine[operation.Id] = true;
        Put(operation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _subscription?.Dispose();
        _stop.Cancel();
        _stop.Dispose();
    }

    private void OnEvent(EventRecord record)
    {
        if (!record.Type.StartsWith("operation.", StringComparison.Ordinal))
            return;
        if (Read(record.Data) is { } operation)
            Put(operation);
        else if (Guid.TryParse(record.Resource.Id, out var id))
            _ = FetchAsync(id);
    }

    /// <summary>The operation that an event carries, or null where it carries something shorter.</summary>
    private static Operation? Read(JsonElement? data)
    {
        if (data is not { ValueKind: JsonValueKind.Object } element)
            return null;
        try
        {
            return element.Deserialize<Operation>(CloudVmJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task FetchAsync(Guid id)
    {
        try
        {
            Put(await api.Operations.GetAsync(id, _stop.Token));
        }
        catch (Exception e) when (e is HttpRequestException or CloudVmApiException or OperationCanceledException or ObjectDisposedException)
        {
            LogReadFailed(e.Message);
        }
    }

    private async Task RefreshAsync()
    {
        try
        {
            var page = await api.Operations.ListAsync(new ListQuery { PageSize = Kept, OrderBy = "createdAt desc" }, _stop.Token);
            foreach (var operation in page.Items)
                Put(operation);
            foreach (var open in _operations.Values.Where(o => !o.Done && page.Items.All(i => i.Id != o.Id)))
                await FetchAsync(open.Id);
        }
        catch (Exception e) when (e is HttpRequestException or CloudVmApiException or OperationCanceledException or ObjectDisposedException)
        {
            LogReadFailed(e.Message);
        }
    }

    private void Put(Operation operation)
    {
        // Answers and events race: what has ended stays ended, and progress does not run backwards.
        var current = _operations.AddOrUpdate(operation.Id, operation, (_, old) => IsOlder(operation, old) ? old : operation);
        if (!ReferenceEquals(current, operation))
            return;
        foreach (var old in All.Skip(Kept).Where(o => o.Done))
            _operations.TryRemove(old.Id, out _);
        Changed?.Invoke(operation);
        if (operation.Done && _mine.TryRemove(operation.Id, out _))
            MineEnded?.Invoke(operation);
    }

    private static bool IsOlder(Operation candidate, Operation known) =>
        known.Done ? !candidate.Done || candidate.State == known.State : candidate.State < known.State || candidate.Progress < known.Progress;
}
