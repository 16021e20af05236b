using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks;

/// <summary>How overlays reach the host's storage; tests put one in its place that fills up or loses power.</summary>
internal class HostStorage
{
    public static HostStorage Default { get; } = new();

    /// <summary>Writes all of <paramref name="source"/>; durable only after <see cref="Flush"/>.</summary>
    /// <exception cref="IOException">The host's storage failed or is full; part of it may have been written.</exception>
    public virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> source, long offset) => RandomAccess.Write(file, source, offset);

    /// <summary>Returns when everything written to the file is durable.</summary>
    /// <exception cref="IOException">The host's storage failed.</exception>
    public virtual void Flush(SafeFileHandle file) => RandomAccess.FlushToDisk(file);
}
