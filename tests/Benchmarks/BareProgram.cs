using System.Diagnostics;
using CloudVm.Testing;

namespace CloudVm.Benchmarks;

/// <summary>Small programs of ours without an operating system: compiled here, and run to their end in an emulator.</summary>
internal static class BareProgram
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);

    /// <summary>The Hypervisor of the build that <c>CLOUDVM_TEST_BUILD</c> names.</summary>
    public static string Hypervisor() => Environment.GetEnvironmentVariable("CLOUDVM_TEST_BUILD") is { Length: > 0 } build
        ? Path.Combine(build, "Hypervisor", "CloudVm.Hypervisor")
        : throw new InvalidOperationException("CLOUDVM_TEST_BUILD is not set; run ./cloudvm bench.");

    /// <summary>A folder below <c>tests/Benchmarks</c>.</summary>
    public static string Sources(string name) => RepositoryRoot.Combine("tests", "Benchmarks", name);

    /// <summary>Compiles and links with the cross compiler, without any library and without vectorising what is not written as vectors.</summary>
    /// <param name="program">The file to write.</param>
    /// <param name="architecture">Of <c>-march</c>.</param>
    /// <param name="linkerScript">The layout of a program for bare metal, or null for a Linux program.</param>
    public static async Task CompileAsync(
        string program, string architecture, string? linkerScript, IEnumerable<string> sources, CancellationToken cancellationToken) =>
        _ = await RunAsync(
            "aarch64-linux-gnu-gcc",
            [
                "-O2", $"-march={architecture}", "-ffreestanding", "-nostdlib", "-fno-pie", "-static", "-fno-stack-protector", "-fno-tree-vectorize",
                "-fno-tree-loop-distribute-patterns", "-mno-outline-atomics", "-Wall", "-Wextra", "-Werror", "-Wno-main", "-o", program,
                "-Wl,--build-id=none,-z,noexecstack",
                .. linkerScript is null ? [] : new[] { $"-Wl,-T,{linkerScript},-n,--no-warn-rwx-segments" },
                .. sources,
            ],
            cancellationToken);

    /// <summary>Runs a program that ends by itself and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static async Task<string> RunAsync(string file, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        using Process process = Process.Start(new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException($"{file} did not start.");
        try
        {
            string output = await process.StandardOutput.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{file} ended with {process.ExitCode}.\n{output}");
        }
        finally
        {
            process.Kill();
        }
    }
}
