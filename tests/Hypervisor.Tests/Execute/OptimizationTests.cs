using System.Diagnostics;
using CloudVm.Hypervisor.Tests.Guests;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>
/// The methods that execute guests run optimised from their first call. RyuJIT gives that up without a word for a method that has grown
/// too large, which would make every guest several times slower.
/// </summary>
public sealed class OptimizationTests
{
    private static readonly string[] Loops = ["Interpreter:ExecuteBlocks(", "Interpreter:RunBlocks("];

    [Fact]
    public async Task Dispatch_loops_are_fully_optimised()
    {
        var ct = TestContext.Current.CancellationToken;
        var folder = Directory.CreateTempSubdirectory("cvm-jit-").FullName;
        var summary = Path.Combine(folder, "jit");
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor"), ["run", "--kernel", HelloSveImage.CommittedPath])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_JitDisasmSummary"] = "1", ["DOTNET_JitStdOutFile"] = summary },
        };
        using var process = Process.Start(start)!;
        try
        {
            // The guest's first line proves that both loops have run; the runtime writes its file whole at the latest when it ends.
            while (await process.StandardOutput.ReadLineAsync(ct).AsTask().WaitAsync(TimeSpan.FromMinutes(2), ct) is { Length: 0 })
            {
            }

            Signal(process);
            await process.WaitForExitAsync(ct).WaitAsync(TimeSpan.FromMinutes(1), ct);
            var compiled = await File.ReadAllLinesAsync(summary, ct);
            foreach (var loop in Loops)
            {
                var line = Assert.Single(compiled, line => line.Contains(loop, StringComparison.Ordinal));
                Assert.Contains("FullOpts", line, StringComparison.Ordinal);
            }

            Assert.DoesNotContain(
                compiled, line => line.Contains("CloudVm.Hypervisor.Execute.", StringComparison.Ordinal) && line.Contains("MinOpts", StringComparison.Ordinal));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(folder, recursive: true);
        }
    }

    // An orderly end, so that the runtime flushes what it has written.
    private static void Signal(Process process) => Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();
}
