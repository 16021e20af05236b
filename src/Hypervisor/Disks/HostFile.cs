using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks;

/// <summary>What files need beyond .NET's own calls.</summary>
internal static partial class HostFile
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int OpenReadOnly = 0;

    /// <summary>Gives a range back to the host; it then reads as zeros. Where the host cannot do that, nothing changes.</summary>
    /// <returns>Whether the range reads as zeros now.</returns>
    public static bool TryPunch(SafeFileHandle file, long offset, long length) =>
        OperatingSystem.IsLinux() && Allocate(file, PunchHole | KeepSize, offset, length) == 0;

    /// <summary>Makes renames and creations in a directory durable.</summary>
    /// <exception cref="IOException">The host's storage failed.</exception>
    public static void FlushDirectory(string path)
    {
        if (!OperatingSystem.IsLinux())
            return;
        var descriptor = Open(path, OpenReadOnly);
        if (descriptor < 0)
            throw new IOException($"Directory {path} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        using SafeFileHandle directory = new(descriptor, ownsHandle: true);
        if (Synchronize(directory) != 0)
            throw new IOException($"Directory {path} cannot be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>Reads until <paramref name="destination"/> is full; what lies past the file's end is zero.</summary>
    public static void ReadZeroExtended(SafeFileHandle file, Span<byte> destination, long offset)
    {
        while (!destination.IsEmpty)
        {
            var count = RandomAccess.Read(file, destination, offset);
            if (count == 0)
            {
                destination.Clear();
                return;
            }

            destination = destination[count..];
            offset += count;
        }
    }

    /// <summary>Writes a whole new file beside <paramref name="path"/> and puts it in its place: whoever looks sees the old one or the new one.</summary>
    public static void Replace(string path, HostStorage storage, Action<SafeFileHandle> write)
    {
        var temporary = path + ".new";
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            write(file);
            storage.Flush(file);
        }

        File.Move(temporary, path, overwrite: true);
        FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(SafeFileHandle file);
}
