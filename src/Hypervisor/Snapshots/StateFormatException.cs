namespace CloudVm.Hypervisor.Snapshots;

/// <summary>Saved state cannot be taken over; carries every reason.</summary>
public sealed class StateFormatException(IReadOnlyList<string> reasons, bool incompatible)
    : Exception(string.Join(' ', reasons))
{
    public StateFormatException(string reason, bool incompatible = false)
        : this([reason], incompatible)
    {
    }

    /// <summary>Every reason, each a sentence.</summary>
    public IReadOnlyList<string> Reasons { get; } = reasons;

    /// <summary>True when the state is sound but belongs to a machine of another shape; false when it is damaged.</summary>
    public bool Incompatible { get; } = incompatible;
}
