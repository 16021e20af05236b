using CloudVm.Contracts.Client;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Web.Live;
using Microsoft.AspNetCore.Components;

namespace CloudVm.Web.Components.Shared;

/// <summary>
/// A component that shows something of the API: it loads, loads again when an event concerns it, and keeps the problem of what
/// did not work.
/// </summary>
public abstract class ApiComponent : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _disposed = new();
    private IDisposable? _subscription;
    private bool _loading;
    private bool _stale;
    private bool _isDisposed;

    protected ApiComponent() => Gone = _disposed.Token;

    [Inject]
    protected CloudVmClient Api { get; set; } = null!;

    [Inject]
    protected LiveEvents Live { get; set; } = null!;

    [Inject]
    protected OperationTracker Operations { get; set; } = null!;

    [Inject]
    protected Toasts Toasts { get; set; } = null!;

    /// <summary>Why the last load failed.</summary>
    protected Problem? LoadProblem { get; private set; }

    /// <summary>True once a load has succeeded.</summary>
    protected bool Loaded { get; private set; }

    /// <summary>Cancelled when the component goes away.</summary>
    protected CancellationToken Gone { get; }

    /// <summary>Reads what the component shows.</summary>
    protected virtual Task LoadAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Whether an event changes what the component shows.</summary>
    protected virtual bool Concerns(EventRecord record) => false;

    /// <summary>Sees each event on the component's own thread, before any reload.</summary>
    protected virtual void OnEvent(EventRecord record)
    {
    }

    protected override async Task OnInitializedAsync()
    {
        _subscription = Live.Subscribe(
            record => Later(() =>
            {
                OnEvent(record);
                return Concerns(record) ? ReloadAsync() : Task.CompletedTask;
            }),
            () => Later(ReloadAsync));
        await ReloadAsync();
    }

    /// <summary>Loads; a call during a load makes one more load follow, however many there are.</summary>
    protected async Task ReloadAsync()
    {
        _stale = true;
        if (_loading || _isDisposed)
            return;
        _loading = true;
        try
        {
            while (_stale && !_isDisposed)
            {
                _stale = false;
                LoadProblem = await RunAsync(LoadAsync);
                Loaded |= LoadProblem is null;
                StateHasChanged();
            }
        }
        finally
        {
            _loading = false;
        }
    }

    /// <summary>Runs a call and gives its problem, or null when it went well.</summary>
    protected async Task<Problem?> RunAsync(Func<CancellationToken, Task> call)
    {
        try
        {
            await call(Gone);
            return null;
        }
        catch (OperationCanceledException) when (_isDisposed)
        {
            return null;
        }
        catch (Exception e) when (Problems.Of(e) is not null)
        {
            return Problems.Of(e);
        }
    }

    /// <summary>Starts an operation and follows it; its problem appears as a message.</summary>
    /// <returns>Whether the API accepted it.</returns>
    protected async Task<bool> StartAsync(Func<CancellationToken, Task<Operation>> call, string failure)
    {
        var problem = await RunAsync(async ct => Operations.Track(await call(ct)));
        if (problem is not null)
            Toasts.Report(problem, failure);
        return problem is null;
    }

    /// <summary>Runs <paramref name="work"/> on the component's thread, unless it is gone.</summary>
    protected void Later(Func<Task> work) => _ = InvokeAsync(() => _isDisposed ? Task.CompletedTask : work());

    /// <summary>Draws again from any thread.</summary>
    protected void Redraw() => Later(() =>
    {
        StateHasChanged();
        return Task.CompletedTask;
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (_isDisposed || !disposing)
            return;
        _isDisposed = true;
        _subscription?.Dispose();
        _disposed.Cancel();
        _disposed.Dispose();
    }
}
