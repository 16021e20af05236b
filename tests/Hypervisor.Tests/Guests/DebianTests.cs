using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>Debian's kernels, unmodified, in a real Hypervisor process.</summary>
public sealed class DebianTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_cloud_kernel_boots_on_two_vcpus_lists_the_advertised_features_and_powers_off(bool ptrauth)
    {
        var image = await DebianImage.GetAsync("debian-12-cloud");
        await using var guest = await DebianGuest.BootAsync(image, cpus: 2, definition => definition with { Ptrauth = ptrauth });

        Assert.Equal("2\n", await guest.RunAsync("nproc"));
        Assert.Empty(KernelLog.NotOfTheHost(await guest.ReadWarningsAsync())); // other tests run beside it
        var cpuinfo = (await guest.RunAsync("cat /proc/cpuinfo")).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        var advertised = LinuxCpuFeatures.Expected((await guest.Client.RegistersAsync(0, Cancellation)).System);
        Assert.Equal(2, cpuinfo.Length);
        Assert.Equal(ptrauth, advertised.Contains("paca"));
        Assert.All(cpuinfo, cpu => Assert.Equal(advertised, LinuxCpuFeatures.Listed(cpu)));
        Assert.Contains("Running", await guest.RunAsync("sleep 5 & jobs; kill %1"), StringComparison.Ordinal);

        await guest.TypeAsync("poweroff");
        Assert.Equal(MachineExitReason.GuestOff, (await guest.WaitForEndAsync()).Reason);
    }
}
