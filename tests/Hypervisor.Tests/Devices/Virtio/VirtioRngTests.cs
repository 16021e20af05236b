using CloudVm.Hypervisor.Devices.Virtio.Rng;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

public sealed class VirtioRngTests
{
    [Fact]
    public void Buffers_are_filled_up_to_a_limit()
    {
        using var driver = new VirtioDriver(memory => new VirtioRng(memory, TimeProvider.System));
        driver.Start();
        var buffer = driver.Allocate(100_000);
        Assert.Equal(VirtioRng.MaxBufferBytes, driver.Queue(0).Run((buffer, 40_000, true), (buffer + 40_000, 60_000, true)));
        Assert.Contains(driver.Bytes(buffer + VirtioRng.MaxBufferBytes - 64, 64), b => b != 0);
        Assert.All(driver.Bytes(buffer + VirtioRng.MaxBufferBytes, 64), b => Assert.Equal(0, b));
    }

    [Fact]
    public void A_greedy_guest_is_slowed_down()
    {
        var time = new ManualTimeProvider();
        using var driver = new VirtioDriver(memory => new VirtioRng(memory, time));
        driver.Start();
        var ring = driver.Queue(0);
        var buffer = driver.Allocate(VirtioRng.MaxBufferBytes);
        for (var i = 0; i < VirtioRng.BurstBytes / VirtioRng.MaxBufferBytes; i++)
            ring.Run((buffer, VirtioRng.MaxBufferBytes, true));
        ring.Add((buffer, VirtioRng.MaxBufferBytes, true));
        ring.Kick();
        driver.Transport.Hold();
        Assert.NotEqual(ring.Added, ring.UsedIndex);
        time.Advance(TimeSpan.FromSeconds(1));
        driver.Transport.Release();
        ring.Take();
    }
}
