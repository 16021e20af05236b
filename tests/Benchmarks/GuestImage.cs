using System.Diagnostics;
using System.Globalization;
using System.Text;
using CloudVm.Testing;

namespace CloudVm.Benchmarks;

/// <summary>The Debian image that both machines boot: kernel, and an initial RAM disk to which the benchmark program was added.</summary>
internal sealed class GuestImage : IDisposable
{
    private readonly DirectoryInfo _folder;

    private GuestImage(DirectoryInfo folder, string kernelPath, string initrdPath)
    {
        _folder = folder;
        KernelPath = kernelPath;
        InitrdPath = initrdPath;
    }

    public string KernelPath { get; }

    public string InitrdPath { get; }

    /// <summary>Builds <c>debian-12-cloud</c> where it is not in the cache, and the program with Debian's cross compiler.</summary>
    public static async Task<GuestImage> CreateAsync(CancellationToken cancellationToken)
    {
        string image = (await RunAsync(RepositoryRoot.Combine("images", "build.sh"), ["debian-12-cloud"], cancellationToken)).Trim();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("cvm-guest-");
        string program = Path.Combine(folder.FullName, "guestbench");
        string source = RepositoryRoot.Combine("tests", "Benchmarks", "Guest", "guestbench.c");
        await RunAsync("aarch64-linux-gnu-gcc", ["-O2", "-static", "-Wall", "-Werror", "-o", program, source], cancellationToken);
        string initrd = Path.Combine(folder.FullName, "initrd");
        File.Copy(Path.Combine(image, "initrd"), initrd);
        await using (FileStream end = new(initrd, FileMode.Append))
        {
            WriteEntry(end, "bin/guestbench", await File.ReadAllBytesAsync(program, cancellationToken));
            WriteEntry(end, "TRAILER!!!", []);
        }

        return new GuestImage(folder, Path.Combine(image, "kernel"), initrd);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>
    /// One executable file in cpio's "newc" format: an ASCII header of 13 hexadecimal fields, name and content, each padded to 4 bytes.
    /// Linux unpacks archives that follow each other into the same root (Documentation/driver-api/early-userspace/buffer-format.rst).
    /// </summary>
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

    private static async Task<string> RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{program} did not start.");
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} ended with exit status {process.ExitCode}.");
    }
}
