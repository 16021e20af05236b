using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>The two builds of the hello-sve guest: the one that is kept in the repository, and a fresh one.</summary>
internal static class HelloSveImage
{
    private static readonly Lazy<Task<string>> Rebuilt = new(RebuildAsync);

    public static string Folder { get; } = RepositoryRoot.Combine("images", "hello-sve");

    public static string CommittedPath { get; } = Path.Combine(Folder, "hello-sve.elf");

    /// <summary>Builds the sources with Debian's cross compiler, once per test run. A missing compiler fails the tests that ask.</summary>
    public static Task<string> GetRebuiltPathAsync() => Rebuilt.Value;

    public static JsonDocument ReadManifest() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "image.json")));

    public static string Sha256(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private static async Task<string> RebuildAsync()
    {
        var output = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "hello-sve")).FullName;
        using var process = Process.Start(new ProcessStartInfo("/bin/sh")
        {
            ArgumentList = { Path.Combine(Folder, "build.sh"), output },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("/bin/sh did not start.");
        var errors = process.StandardError.ReadToEndAsync();
        var messages = process.StandardOutput.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(deadline.Token);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"images/hello-sve/build.sh failed with {process.ExitCode} (it needs Debian's gcc-aarch64-linux-gnu and make):\n"
                + await messages + await errors);
        }

        return Path.Combine(output, "hello-sve.elf");
    }
}
