namespace CloudVm.Worker.Supervision;

/// <summary>A Hypervisor process could not be started or did not become ready.</summary>
public sealed class HypervisorStartException(string message, Exception? inner = null) : Exception(message, inner);
