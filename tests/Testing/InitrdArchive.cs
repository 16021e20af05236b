using System.Globalization;
using System.Text;

namespace CloudVm.Testing;

/// <summary>Adds programs to a guest image's initial RAM disk.</summary>
/// <remarks>
/// Linux unpacks cpio archives that follow each other into the same root (Documentation/driver-api/early-userspace/buffer-format.rst), so
/// what is added is an archive of its own behind the image's, which may be compressed.
/// </remarks>
public static class InitrdArchive
{
    /// <summary>Copies an initial RAM disk and adds executable files to the copy.</summary>
    /// <param name="source">The image's file.</param>
    /// <param name="destination">The file to write.</param>
    /// <param name="programs">Path in the guest without the leading slash, and the file here. The guest's directories exist.</param>
    public static async Task CopyWithProgramsAsync(
        string source, string destination, IEnumerable<(string GuestPath, string File)> programs, CancellationToken cancellationToken)
    {
        File.Copy(source, destination);
        await using FileStream end = new(destination, FileMode.Append);
        foreach ((string guestPath, string file) in programs)
            WriteEntry(end, guestPath, await File.ReadAllBytesAsync(file, cancellationToken));
        WriteEntry(end, "TRAILER!!!", []);
    }

    // One executable file in cpio's "newc" format: an ASCII header of 13 hexadecimal fields, name and content, each padded to 4 bytes.
    private static void WriteEntry(Stream archive, string name, byte[] content)
    {
        const int ExecutableFile = 0x81ed; // S_IFREG, rwxr-xr-x
        int[] fields = [0, ExecutableFile, 0, 0, 1, 0, content.Length, 0, 0, 0, 0, name.Length + 1, 0];
        StringBuilder header = new("070701");
        foreach (int field in fields)
            header.Append(field.ToString("x8", CultureInfo.InvariantCulture));
        header.Append(name).Append('\0');
        Pad(archive, Encoding.ASCII.GetBytes(header.ToString()));
        Pad(archive, content);
    }

    private static void Pad(Stream archive, byte[] bytes)
    {
        archive.Write(bytes);
        archive.Write(new byte[-bytes.Length & 3]);
    }
}
