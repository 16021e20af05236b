using System.Security.Cryptography;
using CloudVm.Contracts.Images;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks.Import;

/// <summary>What an import made.</summary>
/// <param name="Format">Layout of the source.</param>
/// <param name="VirtualSizeBytes">Size of the disk and of the raw file.</param>
/// <param name="DataBytes">Bytes of it that are not holes.</param>
/// <param name="Sha256">SHA-256 of the source file, lower-case hex.</param>
public sealed record ImportedDisk(DiskFormat Format, long VirtualSizeBytes, long DataBytes, string Sha256);

/// <summary>
/// Makes a sparse raw file, a base for overlays, of a disk image. The image is hostile: every offset and length is checked against
/// its file, and memory stays within a few clusters whatever it says.
/// </summary>
public static class DiskImport
{
    private const int CopyBytes = 1024 * 1024;

    /// <summary>Imports <paramref name="from"/>. The raw file appears under its name when it is complete and durable.</summary>
    /// <param name="from">The image.</param>
    /// <param name="to">The raw file; replaced where it exists.</param>
    /// <param name="format">The layout; null to tell by the magic number.</param>
    /// <param name="ct">Stops the import; nothing of it stays.</param>
    /// <exception cref="DiskException">The image cannot be imported; the message names every reason that its header gives, or the first damage.</exception>
    /// <exception cref="IOException">A file cannot be read or written.</exception>
    public static ImportedDisk Run(string from, string to, DiskFormat? format, CancellationToken ct)
    {
        using var source = File.OpenHandle(from, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
        var length = RandomAccess.GetLength(source);
        var start = new byte[DiskImageHeader.Bytes];
        var startBytes = RandomAccess.Read(source, start, 0);
        var faults = new List<string>();
        var header = DiskImageHeader.Read(start.AsSpan(0, startBytes), length, format, faults)
            ?? throw new DiskException($"{from} cannot be imported. {string.Join(' ', faults)}");
        long written = 0;
        try
        {
            HostFile.Replace(to, HostStorage.Default, target =>
            {
                RandomAccess.SetLength(target, header.VirtualSizeBytes);
                var output = new SparseWriter(target, header.VirtualSizeBytes);
                if (header.Format == DiskFormat.Qcow2)
                    new Qcow2Reader(source, length, header).CopyTo(output, ct);
                else
                    CopyRaw(source, length, output, ct);
                written = output.DataBytes;
            });
        }
        catch
        {
            File.Delete(to + ".new");
            throw;
        }

        return new ImportedDisk(header.Format, header.VirtualSizeBytes, written, HashOf(source, length, ct));
    }

    private static void CopyRaw(SafeFileHandle source, long length, SparseWriter output, CancellationToken ct)
    {
        var buffer = new byte[CopyBytes];
        for (long offset = 0; offset < length; offset += buffer.Length)
        {
            ct.ThrowIfCancellationRequested();
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - offset));
            HostFile.ReadZeroExtended(source, part, offset);
            output.Write(offset, part);
        }
    }

    private static string HashOf(SafeFileHandle source, long length, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[CopyBytes];
        for (long offset = 0; offset < length;)
        {
            ct.ThrowIfCancellationRequested();
            var count = RandomAccess.Read(source, buffer, offset);
            if (count == 0)
                throw new IOException("The image became shorter while it was read.");
            hash.AppendData(buffer, 0, count);
            offset += count;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
