namespace CloudVm.Hypervisor.Disks;

/// <summary>A disk's files cannot be used; the message says which and why, for the VM's owner.</summary>
public sealed class DiskException(string message, Exception? inner = null) : IOException(message, inner);
