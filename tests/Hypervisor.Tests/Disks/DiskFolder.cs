using CloudVm.Hypervisor.Disks;

namespace CloudVm.Hypervisor.Tests.Disks;

/// <summary>A folder of its own with a base and an overlay.</summary>
internal sealed class DiskFolder : IDisposable
{
    public const int Block = OverlayDisk.BlockBytes;

    public DiskFolder() => Path = Directory.CreateTempSubdirectory("cloudvm-disk-").FullName;

    public string Path { get; }

    public string Overlay => In("root.overlay");

    public string Map => Overlay + ".map";

    public string Base => In("base.raw");

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public void WriteBase(ReadOnlySpan<byte> content) => File.WriteAllBytes(Base, content);

    public OverlayDisk Open(long sizeBytes, bool withBase = false, bool isReadOnly = false, HostStorage? storage = null) =>
        OverlayDisk.Open(new OverlayFiles(Overlay, sizeBytes, withBase ? Base : null, isReadOnly) { Storage = storage ?? HostStorage.Default });

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
