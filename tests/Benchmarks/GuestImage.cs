using System.Diagnostics;
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
        await InitrdArchive.CopyWithProgramsAsync(Path.Combine(image, "initrd"), initrd, [("bin/guestbench", program)], cancellationToken);
        return new GuestImage(folder, Path.Combine(image, "kernel"), initrd);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static async Task<string> RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{program} did not start.");
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} ended with exit status {process.ExitCode}.");
    }
}
