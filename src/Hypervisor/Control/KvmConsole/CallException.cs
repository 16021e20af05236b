namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>A line of the console cannot be carried out: it is unknown or malformed, or what it needs is not there.</summary>
internal sealed class CallException(IReadOnlyList<string> reasons) : Exception(string.Join("; ", reasons))
{
    public CallException(string reason)
        : this([reason])
    {
    }
}
