using System.Collections.Immutable;
using CloudVm.Contracts.Problems;

namespace CloudVm.Web.Live;

/// <summary>Tone of a message; decides its colour and how urgently it is read out.</summary>
public enum Tone
{
    Info,
    Good,
    Warn,
    Bad,
}

/// <summary>A message that passes.</summary>
public sealed record Toast(Guid Id, Tone Tone, string Title, string? Text, Problem? Problem);

/// <summary>The circuit's passing messages. Problems stay until they are dismissed.</summary>
/// <remarks>Thread: any.</remarks>
public sealed class Toasts(TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Shown = TimeSpan.FromSeconds(6);
    private const int Most = 4;

    private readonly CancellationTokenSource _stop = new();
    private ImmutableArray<Toast> _items = [];

    /// <summary>Raised when <see cref="Items"/> changes.</summary>
    public event Action? Changed;

    public ImmutableArray<Toast> Items => _items;

    /// <summary>Says that something went well or is under way.</summary>
    public void Say(Tone tone, string title, string? text = null)
    {
        var toast = Add(new Toast(Guid.NewGuid(), tone, title, text, Problem: null));
        _ = DismissLaterAsync(toast.Id);
    }

    /// <summary>Shows a problem with all its reasons.</summary>
    public void Report(Problem problem, string? title = null) =>
        Add(new Toast(Guid.NewGuid(), Tone.Bad, title ?? problem.Title, Text: null, problem));

    /// <summary>Takes a message away.</summary>
    public void Dismiss(Guid id)
    {
        ImmutableInterlocked.Update(ref _items, items => items.RemoveAll(t => t.Id == id));
        Changed?.Invoke();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private Toast Add(Toast toast)
    {
        ImmutableInterlocked.Update(ref _items, items => items.Length < Most ? items.Add(toast) : items.RemoveAt(0).Add(toast));
        Changed?.Invoke();
        return toast;
    }

    private async Task DismissLaterAsync(Guid id)
    {
        try
        {
            await Task.Delay(Shown, time, _stop.Token);
            Dismiss(id);
        }
        catch (OperationCanceledException)
        {
            // The circuit ended, and its messages with it.
        }
    }
}
