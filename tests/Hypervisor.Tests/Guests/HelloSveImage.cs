using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>The two builds of the hello-sve guest: the one that is kept in the repository, and a fresh one.</summary>
internal static class HelloSveImage
{
    private static readonly Lazy<Task<string>> Rebuilt = new(RebuildAsync);
    private static readonly Lazy<Task<string>> WithSymbols = new(BuildWithSymbolsAsync);

    public static string Folder { get; } = RepositoryRoot.Combine("images", "hello-sve");

    public static string CommittedPath { get; } = Path.Combine(Folder, "hello-sve.elf");

    /// <summary>Builds the sources with Debian's cross compiler, once per test run. A missing compiler fails the tests that ask.</summary>
    public static Task<string> GetRebuiltPathAsync() => Rebuilt.Value;

    /// <summary>As <see cref="GetRebuiltPathAsync"/>, with symbols and line numbers for a debugger; the code is the same.</summary>
    public static Task<string> GetPathWithSymbolsAsync() => WithSymbols.Value;

    public static JsonDocument ReadManifest() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "image.json")));

    public static string Sha256(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private static async Task<string> RebuildAsync()
    {
        var output = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "hello-sve")).FullName;
        await RunAsync("/bin/sh", Path.Combine(Folder, "build.sh"), output);
        return Path.Combine(output, "hello-sve.elf");
    }

    private static async Task<string> BuildWithSymbolsAsync()
    {
        var output = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "hello-sve-symbols")).FullName;
        await RunAsync("make", "-s", "-C", Folder, $"OUT={output}", "DEBUG=-g", "STRIP=true");
        return Path.Combine(output, "hello-sve.elf");
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException($"{program} did not start.");
        var errors = process.StandardError.ReadToEndAsync();
        var messages = process.StandardOutput.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(deadline.Token);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(
                $"Building images/hello-sve failed with {process.ExitCode} (it needs Debian's gcc-aarch64-linux-gnu and make):\n"
                + await messages + await errors);
        }
    }
}
