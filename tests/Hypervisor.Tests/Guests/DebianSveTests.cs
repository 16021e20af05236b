using System.Diagnostics;
using System.Globalization;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>SVE of Debian's processes: every vector length, registers under ptrace, and none lost between processes that share CPUs.</summary>
public sealed class DebianSveTests : IDisposable
{
    private const int Cpus = 4;
    private const int Processes = 16;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-sve-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Processes_choose_their_vector_length_and_keep_their_registers()
    {
        await using var guest = await BootAsync();
        Assert.Equal("ok 128 256 512 1024 2048\n", await guest.RunAsync("svecheck lengths"));
        Assert.Equal("ok 128 256 512 1024 2048\n", await guest.RunAsync("svecheck ptrace"));
        await StressAsync(guest, TimeSpan.FromSeconds(3));
        await AssertNoWarningsAsync(guest);
    }

    [Fact(Explicit = true)]
    public async Task Sixteen_processes_at_different_lengths_keep_their_registers_for_a_minute()
    {
        await using var guest = await BootAsync();
        await StressAsync(guest, TimeSpan.FromMinutes(1));
        await AssertNoWarningsAsync(guest);
    }

    /// <summary>More vCPUs are busy than this host may have CPUs.</summary>
    private static async Task AssertNoWarningsAsync(DebianGuest guest) =>
        Assert.Empty(KernelLog.NotOfTheHost(await guest.ReadWarningsAsync()));

    /// <summary>Sixteen processes compute and check Z, P and FFR, preempted and interrupted by signals all the time.</summary>
    private static async Task StressAsync(DebianGuest guest, TimeSpan duration)
    {
        var command = string.Create(CultureInfo.InvariantCulture, $"svecheck stress {duration.TotalSeconds:F0} {Processes}");
        var printed = await guest.RunAsync(command, duration + TimeSpan.FromMinutes(4));
        TestContext.Current.TestOutputHelper?.WriteLine(printed);
        Assert.EndsWith("ok 128 256 512 1024 2048\n", printed, StringComparison.Ordinal);
        Assert.Equal(Processes, printed.Split('\n').Count(line => line.StartsWith("process ", StringComparison.Ordinal)));
    }

    private async Task<DebianGuest> BootAsync()
    {
        var image = await DebianImage.GetAsync("debian-12-cloud");
        var program = Path.Combine(_folder.FullName, "svecheck");
        await CompileAsync(program, "svecheck.c", "svecheck.S");
        var initrd = Path.Combine(_folder.FullName, "initrd");
        await InitrdArchive.CopyWithProgramsAsync(image.InitrdPath, initrd, [("bin/svecheck", program)], Cancellation);
        return await DebianGuest.BootAsync(
            image, Cpus, definition => definition with { Boot = definition.Boot with { InitrdPath = initrd } });
    }

    private static async Task CompileAsync(string program, params string[] sources)
    {
        var folder = RepositoryRoot.Combine("tests", "Hypervisor.Tests", "Guests", "Programs");
        using var compiler = Process.Start(new ProcessStartInfo(
            "aarch64-linux-gnu-gcc",
            ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", program, .. sources.Select(source => Path.Combine(folder, source))])
        {
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("The cross compiler did not start.");
        var errors = await compiler.StandardError.ReadToEndAsync(Cancellation);
        await compiler.WaitForExitAsync(Cancellation);
        Assert.True(compiler.ExitCode == 0, errors);
    }
}
