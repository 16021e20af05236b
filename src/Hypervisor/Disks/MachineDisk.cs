using CloudVm.Hypervisor.Devices.Virtio.Block;

namespace CloudVm.Hypervisor.Disks;

/// <summary>
/// A disk of the machine under its name: the overlay in use, and during a restore the one that is being filled. The overlay in use stays as
/// it is until the restore is complete.
/// </summary>
/// <remarks>Thread: any. Overlays are exchanged only while the machine is being restored, when the device does no I/O.</remarks>
public sealed class MachineDisk(string name, OverlayFiles files) : IBlockBackend
{
    private OverlayDisk _overlay = OverlayDisk.Open(files);
    private OverlayFiles _files = files;
    private OverlayDisk? _restoring;
    private OverlayFiles? _restoringFiles;

    /// <summary>The disk's name, which is its virtio serial number.</summary>
    public string Name { get; } = name;

    /// <summary>The overlay in use.</summary>
    public OverlayDisk Overlay => Volatile.Read(ref _overlay);

    /// <summary>The overlay that a restore fills; null while there is none.</summary>
    public OverlayDisk? Restoring => Volatile.Read(ref _restoring);

    /// <inheritdoc/>
    public long SizeBytes => Overlay.SizeBytes;

    /// <inheritdoc/>
    public bool IsReadOnly => Overlay.IsReadOnly;

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> destination) => Overlay.Read(offset, destination);

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> source) => Overlay.Write(offset, source);

    /// <inheritdoc/>
    public void Flush() => Overlay.Flush();

    /// <inheritdoc/>
    public void Discard(long offset, long length) => Overlay.Discard(offset, length);

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayUnmap) => Overlay.WriteZeroes(offset, length, mayUnmap);

    /// <summary>Begins a restore into a new overlay at <paramref name="overlayPath"/>; what an earlier attempt left there goes.</summary>
    /// <exception cref="DiskException">The path is the present overlay's, or nothing can be created there.</exception>
    public void BeginRestore(string overlayPath)
    {
        AbandonRestore();
        if (string.Equals(Path.GetFullPath(overlayPath), Path.GetFullPath(_files.OverlayPath), StringComparison.Ordinal))
            throw new DiskException($"Disk '{Name}' cannot be restored into the overlay that it uses.");
        OverlayDisk.Delete(overlayPath);
        _restoringFiles = _files with { OverlayPath = overlayPath };
        Volatile.Write(ref _restoring, OverlayDisk.Open(_restoringFiles));
    }

    /// <summary>Puts the restored overlay in the place of the present one. It must have been flushed.</summary>
    public void CompleteRestore()
    {
        if (_restoring is not { } restored)
            return;
        var former = _overlay;
        Volatile.Write(ref _overlay, restored);
        _files = _restoringFiles!;
        Volatile.Write(ref _restoring, null);
        former.Dispose();
    }

    /// <summary>Gives a restore up; the overlay in use stays.</summary>
    public void AbandonRestore()
    {
        _restoring?.Dispose();
        Volatile.Write(ref _restoring, null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        AbandonRestore();
        _overlay.Dispose();
    }
}
