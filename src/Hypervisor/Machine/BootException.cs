namespace CloudVm.Hypervisor.Machine;

/// <summary>The machine's boot files cannot be loaded; carries every reason.</summary>
public sealed class BootException(IReadOnlyList<string> reasons) : Exception(string.Join(' ', reasons))
{
    public BootException(string reason)
        : this([reason])
    {
    }

    public IReadOnlyList<string> Reasons { get; } = reasons;
}
