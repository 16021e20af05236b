using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks.Import;

/// <summary>Writes into a file of holes, and leaves holes where there are only zeros.</summary>
internal sealed class SparseWriter(SafeFileHandle file, long sizeBytes)
{
    /// <summary>A file system's block: smaller holes save nothing.</summary>
    private const int Granule = 4096;

    /// <summary>Bytes written.</summary>
    public long DataBytes { get; private set; }

    /// <summary>Writes at <paramref name="offset"/>, a multiple of 512; what lies beyond the disk is left out.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        data = data[..(int)Math.Clamp(sizeBytes - offset, 0, data.Length)];
        for (var at = 0; at < data.Length;)
        {
            var first = at;
            while (at < data.Length && HasData(data, at))
                at = Math.Min(at + Granule, data.Length);
            if (at > first)
            {
                RandomAccess.Write(file, data[first..at], offset + first);
                DataBytes += at - first;
            }

            while (at < data.Length && !HasData(data, at))
                at = Math.Min(at + Granule, data.Length);
        }
    }

    private static bool HasData(ReadOnlySpan<byte> data, int at) =>
        data[at..Math.Min(at + Granule, data.Length)].ContainsAnyExcept((byte)0);
}
