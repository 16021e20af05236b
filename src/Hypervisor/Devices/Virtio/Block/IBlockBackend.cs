namespace CloudVm.Hypervisor.Devices.Virtio.Block;

/// <summary>
/// Where a block device's bytes lie. Offsets and lengths are in bytes, multiples of 512, and lie within <see cref="SizeBytes"/>; the
/// device has checked them. Writes, discards and zeroes are never asked of a read-only backend.
/// </summary>
/// <remarks>
/// Thread: the device's I/O thread, one call at a time. Failures of the host's storage are <see cref="IOException"/>, which the guest
/// sees as an I/O error of that request.
/// </remarks>
public interface IBlockBackend : IDisposable
{
    /// <summary>Size of the disk, a positive multiple of 512.</summary>
    long SizeBytes { get; }

    bool IsReadOnly { get; }

    /// <summary>Fills <paramref name="destination"/>; what was never written reads as zeros.</summary>
    void Read(long offset, Span<byte> destination);

    /// <summary>Writes; durable only after <see cref="Flush"/>.</summary>
    void Write(long offset, ReadOnlySpan<byte> source);

    /// <summary>Returns when everything written so far survives a loss of the process and of the host's power.</summary>
    void Flush();

    /// <summary>The guest no longer needs the range; its content is undefined afterwards.</summary>
    void Discard(long offset, long length);

    /// <summary>Makes the range read as zeros.</summary>
    /// <param name="mayUnmap">Whether the space may be given back to the host.</param>
    void WriteZeroes(long offset, long length, bool mayUnmap);
}
