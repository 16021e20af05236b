namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>
/// The driver broke a rule of the specification in a way that has no answer. The device stops until the driver resets it; the message
/// says which rule.
/// </summary>
public sealed class VirtioFaultException(string message) : Exception(message);
