using CloudVm.Hypervisor.Devices.Virtio.Rng;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

/// <summary>Registers and set-up of the transport, with an entropy device behind it.</summary>
public sealed class VirtioMmioTests : IDisposable
{
    private readonly VirtioDriver _driver = new(memory => new VirtioRng(memory, TimeProvider.System));

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Registers_identify_a_modern_device()
    {
        Assert.Equal(0x74726976u, _driver.Register(0));
        Assert.Equal(2u, _driver.Register(4));
        Assert.Equal(4u, _driver.Register(8));
        Assert.Equal(VirtioDriver.Version1 | VirtioDriver.EventIndex | VirtioDriver.Indirect, _driver.OfferedFeatures());
        _driver.SetRegister(0x14, 2);
        Assert.Equal(0u, _driver.Register(0x10));
        for (ulong shm = 0xb0; shm <= 0xbc; shm += 4)
            Assert.Equal(uint.MaxValue, _driver.Register(shm));
        Assert.Equal(0ul, _driver.Transport.Read(0, 1));
        Assert.Equal(0ul, _driver.Transport.Read(0, 8));
    }

    [Fact]
    public void Only_queues_that_exist_have_a_size()
    {
        Assert.True(_driver.SelectQueue(0));
        Assert.False(_driver.SelectQueue(1));
        Assert.False(_driver.SelectQueue(-1));
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(VirtioDriver.EventIndex)]
    [InlineData(VirtioDriver.Version1 | 1)]
    [InlineData(VirtioDriver.Version1 | (1ul << 63))]
    public void Features_that_are_not_offered_or_miss_version_1_are_refused(ulong features)
    {
        _driver.Negotiate(features);
        Assert.Equal(3, _driver.Status);
        _driver.SetRegister(0x70, 4);
        Assert.Equal(3, _driver.Status);
    }

    [Fact]
    public void Status_bits_are_only_added_until_a_reset_clears_all()
    {
        _driver.Start();
        Assert.Equal(15, _driver.Status);
        _driver.SetRegister(0x70, 64);
        Assert.Equal(15, _driver.Status);
        _driver.SetRegister(0x70, 0x1_00);
        Assert.Equal(0, _driver.Status);
        Assert.Equal(0u, _driver.Register(0x44));
    }

    [Fact]
    public void Features_are_fixed_once_agreed()
    {
        _driver.Negotiate(VirtioDriver.Version1);
        _driver.SetRegister(0x24, 0);
        _driver.SetRegister(0x20, uint.MaxValue);
        _driver.SetUpQueue(0, 16);
        _driver.SetRegister(0x70, 4);
        Assert.Equal(15, _driver.Status);
        Assert.Equal(64, _driver.Queue(0).Run((_driver.Allocate(64), 64, true)));
    }

    [Theory]
    [InlineData(0u, 0ul, 0x4000ul, 0x8000ul, "no power of two")]
    [InlineData(24u, 0ul, 0x4000ul, 0x8000ul, "no power of two")]
    [InlineData(128u, 0ul, 0x4000ul, 0x8000ul, "no power of two")]
    [InlineData(0x1_0010u, 0ul, 0x4000ul, 0x8000ul, "no power of two")]
    [InlineData(16u, 8ul, 0x4000ul, 0x8000ul, "not aligned to 16")]
    [InlineData(16u, 0ul, 0x4001ul, 0x8000ul, "not aligned to 2")]
    [InlineData(16u, 0ul, 0x4000ul, 0x8002ul, "not aligned to 4")]
    [InlineData(16u, VirtioDriver.RamBytes - 128ul, 0x4000ul, 0x8000ul, "descriptor table")]
    [InlineData(16u, 0ul, VirtioDriver.RamBytes - 16ul, 0x8000ul, "available ring")]
    [InlineData(16u, 0ul, 0x4000ul, VirtioDriver.RamBytes - 16ul, "used ring")]
    [InlineData(16u, 0ul, 0x4000ul, 0xffff_ffff_bfff_fffcul, "used ring")]
    public void A_queue_that_cannot_be_stops_the_device(uint size, ulong descriptors, ulong available, ulong used, string reason)
    {
        _driver.Negotiate(VirtioDriver.Version1);
        _driver.Configure(0, size, VirtioDriver.Ram + descriptors, VirtioDriver.Ram + available, VirtioDriver.Ram + used);

        Assert.Equal(0u, _driver.Register(0x44));
        _driver.AwaitBroken(reason);

        _driver.Start();
        Assert.Equal(16, _driver.Queue(0).Run((_driver.Allocate(16), 16, true)));
    }

    [Fact]
    public void Queues_need_agreed_features()
    {
        _driver.SetRegister(0x70, 3);
        _driver.SetUpQueue(0, 16);
        Assert.Equal(0u, _driver.Register(0x44));
    }

    [Fact]
    public void An_acknowledged_interrupt_drops_the_line()
    {
        _driver.Start();
        _driver.Queue(0).Run((_driver.Allocate(16), 16, true));
        VirtioDriver.Await(() => _driver.IrqLevel, "the interrupt");
        Assert.Equal(1u, _driver.Register(0x60));
        _driver.SetRegister(0x64, 2);
        Assert.True(_driver.IrqLevel);
        _driver.SetRegister(0x64, 1);
        Assert.False(_driver.IrqLevel);
        Assert.Equal(0u, _driver.Register(0x60));
    }

    [Fact]
    public void Notifications_before_DRIVER_OK_and_of_no_queue_do_nothing()
    {
        _driver.Negotiate(VirtioDriver.Version1);
        var ring = _driver.SetUpQueue(0, 16);
        ring.Add((_driver.Allocate(16), 16, true));
        ring.Kick();
        _driver.SetRegister(0x50, 1);
        _driver.SetRegister(0x50, uint.MaxValue);
        Assert.Equal(0, ring.UsedIndex);
        _driver.SetRegister(0x70, 4);
        ring.Take();
    }

    [Fact]
    public void A_queue_out_of_use_is_left_alone()
    {
        _driver.Start();
        var ring = _driver.Queue(0);
        _driver.SelectQueue(0);
        _driver.SetRegister(0x44, 0);
        Assert.Equal(0u, _driver.Register(0x44));
        ring.Add((_driver.Allocate(16), 16, true));
        ring.Kick();
        _driver.Transport.Hold();
        Assert.Equal(0, ring.UsedIndex);
        _driver.Transport.Release();
    }

    [Fact]
    public void A_held_device_serves_what_waits_after_its_release()
    {
        _driver.Start();
        var ring = _driver.Queue(0);
        ring.Run((_driver.Allocate(16), 16, true));
        _driver.Transport.Hold();
        _driver.Transport.Hold();
        ring.Add((_driver.Allocate(16), 16, true));
        ring.Kick();
        _driver.Transport.Release();
        Assert.Equal(1, ring.UsedIndex);
        _driver.Transport.Release();
        ring.Take();
    }
}
