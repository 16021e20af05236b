namespace CloudVm.Web.Components.Shared;

/// <summary>Where one is in a paged collection: page tokens lead forward only, so the way back is remembered.</summary>
public sealed class PageStack
{
    private readonly Stack<string?> _earlier = new();

    /// <summary>Token of the page shown; null is the first.</summary>
    public string? Current { get; private set; }

    /// <summary>Token of the page after it, if there is one.</summary>
    public string? Next { get; set; }

    /// <summary>Number of the page shown, from 1.</summary>
    public int Number => _earlier.Count + 1;

    public bool HasPrevious => _earlier.Count > 0;

    public bool HasNext => Next is not null;

    public void Forward()
    {
        if (Next is null)
            return;
        _earlier.Push(Current);
        Current = Next;
        Next = null;
    }

    public void Back()
    {
        if (_earlier.TryPop(out var token))
            Current = token;
    }

    public void Reset()
    {
        _earlier.Clear();
        Current = null;
        Next = null;
    }
}
