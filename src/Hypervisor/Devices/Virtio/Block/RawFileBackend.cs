using CloudVm.Hypervisor.Memory;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Devices.Virtio.Block;

/// <summary>A disk that is a plain file of the host, byte for byte.</summary>
/// <remarks>Thread: as <see cref="IBlockBackend"/>.</remarks>
public sealed class RawFileBackend : IBlockBackend
{
    private static readonly byte[] Zeros = new byte[64 * 1024];

    private readonly SafeFileHandle _file;

    /// <summary>Opens the file; it must exist.</summary>
    /// <exception cref="IOException">It cannot be opened, or is no multiple of 512 bytes long.</exception>
    /// <exception cref="UnauthorizedAccessException">Its permissions forbid it.</exception>
    public RawFileBackend(string path, bool readOnly)
    {
        IsReadOnly = readOnly;
        _file = File.OpenHandle(path, FileMode.Open, readOnly ? FileAccess.Read : FileAccess.ReadWrite, FileShare.Read);
        SizeBytes = RandomAccess.GetLength(_file);
        if (SizeBytes > 0 && SizeBytes % VirtioBlockConfig.SectorBytes == 0)
            return;
        _file.Dispose();
        throw new IOException($"'{path}' has {SizeBytes} bytes; a disk is a positive multiple of {VirtioBlockConfig.SectorBytes}.");
    }

    public long SizeBytes { get; }

    public bool IsReadOnly { get; }

    public void Read(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            var count = RandomAccess.Read(_file, destination, offset);
            if (count == 0)
                throw new IOException($"The disk's file ends at {offset}, before the disk does.");
            offset += count;
            destination = destination[count..];
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> source) => RandomAccess.Write(_file, source, offset);

    public void Flush() => RandomAccess.FlushToDisk(_file);

    public void Discard(long offset, long length) => _ = HostFiles.TryPunchHole(_file, offset, length);

    public void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        if (mayUnmap && HostFiles.TryPunchHole(_file, offset, length))
            return;
        for (long done = 0; done < length;)
        {
            var count = (int)Math.Min(Zeros.Length, length - done);
            RandomAccess.Write(_file, Zeros.AsSpan(0, count), offset + done);
            done += count;
        }
    }

    public void Dispose() => _file.Dispose();
}
