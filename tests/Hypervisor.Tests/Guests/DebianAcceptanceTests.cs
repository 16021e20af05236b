using System.Diagnostics;
using System.Globalization;
using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>Both Debian kernels on one to eight vCPUs, and what they must do for hours on end: minutes of work, so only on request.</summary>
public sealed class DebianAcceptanceTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> KernelsAndCpus => new(
        from name in (string[])["debian-12-cloud", "debian-12"]
        from cpus in (int[])[1, 2, 4, 8]
        select (name, cpus));

    [Theory(Explicit = true)]
    [MemberData(nameof(KernelsAndCpus))]
    public async Task A_kernel_boots_without_a_warning_that_it_does_not_give_under_QEMU(string name, int cpus)
    {
        var image = await DebianImage.GetAsync(name);
        await using var guest = await DebianGuest.BootAsync(image, cpus);

        Assert.Equal($"{cpus}\n", await guest.RunAsync("nproc"));
        var advertised = LinuxCpuFeatures.Expected((await guest.Client.RegistersAsync(0, Cancellation)).System);
        var listed = (await guest.RunAsync("cat /proc/cpuinfo")).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(cpus, listed.Length);
        Assert.All(listed, cpu => Assert.Equal(advertised, LinuxCpuFeatures.Listed(cpu)));
        if (await guest.ReadWarningsAsync() is { Length: > 0 } warnings)
            Assert.Empty(warnings.Except(KernelLog.Warnings(await QemuKernelLog.ReadAsync(image, cpus)), StringComparer.Ordinal));

        await guest.TypeAsync("poweroff");
        Assert.Equal(MachineExitReason.GuestOff, (await guest.WaitForEndAsync()).Reason);
    }

    [Theory(Explicit = true)]
    [InlineData("debian-12-cloud", "cloudvm-agent: the host asks for a shutdown")]
    [InlineData("debian-12", "power-button: pressed|cloudvm-agent: the host asks for a shutdown")]
    public async Task A_pressed_power_button_shuts_the_guest_down(string name, string said)
    {
        await using var guest = await DebianGuest.BootAsync(await DebianImage.GetAsync(name), cpus: 2);
        var waiting = Stopwatch.StartNew();
        while (!(await guest.Client.StatusAsync(Cancellation)).ListensForShutdown)
        {
            Assert.True(waiting.Elapsed < TimeSpan.FromMinutes(1), "The guest does not listen for a shutdown.");
            await Task.Delay(100, Cancellation);
        }

        await guest.Client.PressPowerButtonAsync(Cancellation);

        await guest.WaitForTextAsync(said);
        Assert.Equal(MachineExitReason.GuestOff, (await guest.WaitForEndAsync()).Reason);
    }

    [Fact(Explicit = true)]
    public async Task A_guest_reboots_twenty_times()
    {
        await using var guest = await DebianGuest.BootAsync(await DebianImage.GetAsync("debian-12-cloud"), cpus: 2);
        for (var round = 1; round <= 20; round++)
        {
            var before = guest.ConsoleText.Length;
            await guest.TypeAsync("reboot");
            var rebooted = await guest.WaitForTextAsync("Booting Linux on physical CPU", before);
            await guest.WaitForShellAsync(rebooted);
            Assert.Equal(round, (await guest.Client.StatusAsync(Cancellation)).Resets);
        }

        Assert.Equal("2\n", await guest.RunAsync("nproc"));
        Assert.Empty(await guest.ReadWarningsAsync());
    }

    [Fact(Explicit = true)]
    public async Task The_guests_clock_keeps_time_within_a_thousandth_over_a_minute()
    {
        await using var guest = await DebianGuest.BootAsync(await DebianImage.GetAsync("debian-12-cloud"), cpus: 1);
        var first = await CompareClocksAsync(guest);
        await Task.Delay(TimeSpan.FromMinutes(1), Cancellation);
        var last = await CompareClocksAsync(guest);

        // Each comparison is off by at most half of its round trip, and the guest's clock is read in hundredths.
        var host = last.Host - first.Host;
        var guests = last.Guest - first.Guest;
        var uncertainty = (last.RoundTrip / 2) + (first.RoundTrip / 2) + TimeSpan.FromMilliseconds(20);
        Assert.InRange((guests - host).Duration(), TimeSpan.Zero, (host / 1000) + uncertainty);
    }

    /// <summary>The guest's uptime beside the host's clock, from the quickest of some answers.</summary>
    private static async Task<(TimeSpan Host, TimeSpan Guest, TimeSpan RoundTrip)> CompareClocksAsync(DebianGuest guest)
    {
        (TimeSpan Host, TimeSpan Guest, TimeSpan RoundTrip) best = (default, default, TimeSpan.MaxValue);
        for (var i = 0; i < 20; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            var uptime = await guest.RunAsync("cat /proc/uptime");
            var roundTrip = Stopwatch.GetElapsedTime(asked);
            if (roundTrip < best.RoundTrip)
            {
                var seconds = double.Parse(uptime.Split(' ')[0], CultureInfo.InvariantCulture);
                best = (Stopwatch.GetElapsedTime(0, asked) + (roundTrip / 2), TimeSpan.FromSeconds(seconds), roundTrip);
            }
        }

        return best;
    }
}
