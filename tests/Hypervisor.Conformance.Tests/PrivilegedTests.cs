using System.Diagnostics;
using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Hypervisor.Conformance.Tests.Privileged;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>
/// EL1 and EL0 with the MMU on: a bare-metal program runs single instructions through many mappings and settings and prints the
/// exception that ends each, under qemu-system-aarch64 and in our machine. SErrors are left out: nothing there can cause one.
/// </summary>
public sealed class PrivilegedTests(ITestOutputHelper output)
{
    private const int FewestCases = 35_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Faults_and_system_registers_are_those_of_qemu()
    {
        var directory = Directory.CreateTempSubdirectory("cloudvm-privileged-");
        try
        {
            var guest = Compile(directory.FullName);
            var runs = await Task.WhenAll(
                RunAsync("qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "max", "-m", "128", "-nodefaults", "-display", "none", "-serial", "stdio", "-kernel", guest),
                RunAsync(Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor"), "run", "--memory", "128", "--kernel", guest));
            Compare(runs[0], runs[1]);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private void Compare(string[] theirs, string[] ours)
    {
        Assert.Equal("# end", theirs[^1]);
        Assert.Equal("# end", ours[^1]);
        Assert.Equal(theirs.Length, ours.Length);
        var explained = new Dictionary<PrivilegedException, int>();
        var wrong = new List<string>();
        var cases = 0;
        foreach (var (theirLine, ourLine) in theirs.Zip(ours))
        {
            var their = GuestLine.Parse(theirLine);
            var our = GuestLine.Parse(ourLine);
            cases += our is null ? 0 : 1;
            if (theirLine == ourLine)
                continue;
            var exception = their is null || our is null || their.Case != our.Case
                ? null
                : PrivilegedException.All.FirstOrDefault(one => one.Cases.IsMatch(our.Case) && one.Applies(their, our));
            if (exception is null)
                wrong.Add($"qemu: {theirLine}\nours: {ourLine}");
            else
                explained[exception] = explained.GetValueOrDefault(exception) + 1;
        }

        output.WriteLine($"{cases} cases, {cases - explained.Values.Sum() - wrong.Count} alike");
        foreach (var (exception, count) in explained)
            output.WriteLine($"{count,6} {exception.Reason}");
        Assert.True(wrong.Count == 0, $"{wrong.Count} cases differ, such as\n{string.Join('\n', wrong.Take(40))}");
        Assert.True(cases >= FewestCases, $"Only {cases} cases ran.");
    }

    private static string Compile(string directory)
    {
        var guest = Path.Combine(directory, "guest.elf");
        var sources = Path.Combine(AppContext.BaseDirectory, "Privileged", "Guest");
        QemuOracle.Execute(
            "aarch64-linux-gnu-gcc",
            "-std=gnu11", "-O2", "-march=armv8.2-a+sve", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pie", "-fno-stack-protector",
            "-fno-asynchronous-unwind-tables", "-mno-outline-atomics", "-mgeneral-regs-only", "-mstrict-align", "-fno-common", "-Wall", "-Wextra", "-Werror", "-Wno-main",
            $"-Wl,-T,{sources}/guest.lds,--build-id=none,-n,-z,noexecstack,--no-warn-rwx-segments",
            "-o", guest, $"{sources}/start.S", $"{sources}/instructions.S", $"{sources}/mmu.c", $"{sources}/cases.c", $"{sources}/branches.c",
            $"{sources}/spaces.c");
        return guest;
    }

    private static async Task<string[]> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(Patience);
        var errors = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            var text = await process.StandardOutput.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {await errors}");
            return text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r', ' ')).Where(line => line.Length != 0).ToArray();
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
