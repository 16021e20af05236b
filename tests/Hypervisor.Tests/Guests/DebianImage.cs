using System.Diagnostics;
using System.Text.Json;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A guest image made by <c>images/build.sh</c>: built at first use, then taken from the cache.</summary>
/// <param name="Folder">Directory with the image's files.</param>
/// <param name="CommandLine">The image's own kernel command line.</param>
internal sealed record DebianImage(string Folder, string CommandLine)
{
    /// <summary>Enough for the image that is partly made in a virtual machine.</summary>
    private static readonly TimeSpan BuildDeadline = TimeSpan.FromMinutes(100);

    public string KernelPath => Path.Combine(Folder, "kernel");

    public string InitrdPath => Path.Combine(Folder, "initrd");

    /// <summary>The disk of an image that has one: never to be written, only to be the base of an overlay.</summary>
    public string DiskPath => Path.Combine(Folder, "disk");

    /// <summary>The image of a recipe.</summary>
    /// <exception cref="InvalidOperationException">It cannot be built; the message has what the recipe printed.</exception>
    public static async Task<DebianImage> GetAsync(string name)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(BuildDeadline);
        using var build = Process.Start(new ProcessStartInfo(RepositoryRoot.Combine("images", "build.sh"), name)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["CLOUDVM_HYPERVISOR"] = Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor") },
        }) ?? throw new InvalidOperationException("images/build.sh did not start.");
        var errors = build.StandardError.ReadToEndAsync(timeout.Token);
        var folder = (await build.StandardOutput.ReadToEndAsync(timeout.Token)).Trim();
        await build.WaitForExitAsync(timeout.Token);
        if (build.ExitCode != 0)
            throw new InvalidOperationException($"images/build.sh {name} failed:\n{await errors}");
        using var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "image.json"), timeout.Token));
        return new DebianImage(folder, manifest.RootElement.GetProperty("commandLine").GetString()!);
    }
}
