using System.Collections.Concurrent;
using CloudVm.Hypervisor.Devices.Virtio.Block;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

/// <summary>A disk in memory that records what is asked of it and fails on demand.</summary>
internal sealed class MemoryDisk(int sizeBytes, bool isReadOnly = false) : IBlockBackend
{
    public byte[] Content { get; } = new byte[sizeBytes];

    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>Makes every call fail with this message.</summary>
    public volatile string? Failure;

    public bool IsDisposed { get; private set; }

    public long SizeBytes => Content.Length;

    public bool IsReadOnly => isReadOnly;

    public void Read(long offset, Span<byte> destination)
    {
        Note($"read {offset} {destination.Length}");
        Content.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        Note($"write {offset} {source.Length}");
        source.CopyTo(Content.AsSpan((int)offset));
    }

    public void Flush() => Note("flush");

    public void Discard(long offset, long length) => Note($"discard {offset} {length}");

    public void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        Note($"zero {offset} {length} {mayUnmap}");
        Content.AsSpan((int)offset, (int)length).Clear();
    }

    public void Dispose() => IsDisposed = true;

    private void Note(string call)
    {
        if (Failure is { } failure)
            throw new IOException(failure);
        Calls.Enqueue(call);
    }
}
