using CloudVm.Hypervisor.Devices.Virtio.Rng;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

/// <summary>Rings and descriptor chains, right ones and every kind of wrong one.</summary>
public sealed class VirtqueueTests : IDisposable
{
    private const ulong AllFeatures = VirtioDriver.Version1 | VirtioDriver.Indirect | VirtioDriver.EventIndex;

    private readonly VirtioDriver _driver = new(memory => new VirtioRng(memory, TimeProvider.System));

    public void Dispose() => _driver.Dispose();

    public static TheoryData<string, string> BrokenChains => new()
    {
        { "loop", "is a loop" },
        { "self", "is a loop" },
        { "next out of table", "followed by descriptor 16 of 16" },
        { "outside RAM", "do not lie in RAM" },
        { "end outside RAM", "do not lie in RAM" },
        { "address wraps", "do not lie in RAM" },
        { "huge", "do not lie in RAM" },
        { "zero length", "length zero" },
        { "readable after writable", "follows one for writing" },
        { "nothing writable", "has no room" },
        { "head out of table", "names descriptor 16 of 16" },
        { "index ahead", "ahead in a queue of 16" },
        { "indirect in indirect", "in an indirect table" },
        { "indirect continued", "that is continued" },
        { "indirect empty", "table of 0 bytes" },
        { "indirect odd", "table of 24 bytes" },
        { "indirect too long", "table of 1040 bytes" },
        { "indirect outside RAM", "does not lie in RAM" },
        { "indirect next out of table", "followed by descriptor 2 of 2" },
        { "indirect loop", "is a loop" },
        { "longer than the queue", "longer than 64" },
    };

    [Theory]
    [MemberData(nameof(BrokenChains))]
    public void A_broken_chain_stops_the_device_until_its_reset(string kind, string reason)
    {
        _driver.Start(AllFeatures);
        var ring = _driver.Queue(0);
        ring.Run((_driver.Allocate(16), 16, true));
        _driver.SetRegister(0x64, 1);
        var generation = _driver.Register(0xfc);

        Break(ring, kind);
        ring.Kick();

        _driver.AwaitBroken(reason);
        VirtioDriver.Await(() => (_driver.Register(0x60) & 2) != 0, "the configuration interrupt");
        Assert.NotEqual(generation, _driver.Register(0xfc));
        Assert.Single(_driver.Events);
        Assert.Equal(1, ring.UsedIndex);

        _driver.Start(AllFeatures);
        Assert.Equal(16, _driver.Queue(0).Run((_driver.Allocate(16), 16, true)));
    }

    [Fact]
    public void An_indirect_descriptor_needs_its_feature()
    {
        _driver.Start();
        var ring = _driver.Queue(0);
        Break(ring, "indirect in indirect");
        ring.Kick();
        _driver.AwaitBroken("not negotiated");
    }

    [Fact]
    public void Indirect_tables_may_follow_direct_descriptors()
    {
        _driver.Start(AllFeatures);
        var ring = _driver.Queue(0);
        var first = _driver.Allocate(8);
        var second = _driver.Allocate(8);
        var table = _driver.Allocate(32);
        ring.SetDescriptor(0, second, 8, VirtioDriver.Write, 0, table);
        ring.SetDescriptor(3, first, 8, VirtioDriver.Write | VirtioDriver.Next, 5);
        ring.SetDescriptor(5, table, 16, VirtioDriver.IndirectFlag, 0);
        ring.Publish(3);
        ring.Kick();

        Assert.Equal((3u, 16), ring.Take());
        Assert.NotEqual(new byte[8], _driver.Bytes(first, 8));
        Assert.NotEqual(new byte[8], _driver.Bytes(second, 8));
    }

    [Theory]
    [InlineData(VirtioDriver.Version1)]
    [InlineData(AllFeatures)]
    public void Indices_wrap_around(ulong features)
    {
        const int Batch = 16;
        const int Rounds = 70_000 / Batch;
        _driver.Start(features);
        var ring = _driver.Queue(0);
        var buffer = _driver.Allocate(1);
        ring.SetDescriptor(0, buffer, 1, VirtioDriver.Write, 0);
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < Batch; i++)
                ring.Publish(0);
            ring.Kick();
            for (var i = 0; i < Batch; i++)
                Assert.Equal((0u, 1), ring.Take());
        }

        Assert.Equal(Rounds * Batch % 65536, ring.UsedIndex);
        Assert.Empty(_driver.Events);
    }

    [Fact]
    public void Interrupts_come_only_at_the_index_that_the_driver_asked_for()
    {
        _driver.Start(AllFeatures);
        var ring = _driver.Queue(0);
        SetUsedEvent(ring, 2);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(0, _driver.Irqs);
            ring.Run((_driver.Allocate(16), 16, true));
        }

        VirtioDriver.Await(() => _driver.Irqs == 1, "the interrupt of the third buffer");
        Assert.Equal(ring.Added, _driver.Half(ring.Used + 4 + (8 * 16)));
    }

    [Fact]
    public void Interrupts_are_left_out_when_the_driver_does_not_want_them()
    {
        _driver.Start();
        var ring = _driver.Queue(0);
        _driver.SetHalf(ring.Available, 1);
        ring.Run((_driver.Allocate(16), 16, true));
        _driver.Transport.Hold();
        Assert.Equal(0, _driver.Irqs);
        _driver.Transport.Release();
        _driver.SetHalf(ring.Available, 0);
        ring.Run((_driver.Allocate(16), 16, true));
        VirtioDriver.Await(() => _driver.Irqs == 1, "the interrupt");
    }

    [Fact]
    public void State_holds_what_waits_in_the_rings()
    {
        _driver.Start(AllFeatures);
        var ring = _driver.Queue(0);
        ring.Run((_driver.Allocate(16), 16, true));
        _driver.Transport.Hold();
        var buffer = _driver.Allocate(new byte[16]);
        ring.Add((buffer, 16, true));
        ring.Kick();
        var state = _driver.Save();

        using var other = new VirtioDriver(memory => new VirtioRng(memory, TimeProvider.System));
        other.Transport.Hold();
        other.TakeRingsOf(_driver);
        other.Restore(state);
        Assert.Equal(state, other.Save());
        Assert.Equal(1, other.Queue(0).UsedIndex);
        other.Transport.Release();

        Assert.Equal(16, other.Queue(0).Take().Length);
        Assert.NotEqual(new byte[16], other.Bytes(buffer, 16));
        Assert.Equal(15, other.Status);
        _driver.Transport.Release();
    }

    private void SetUsedEvent(VirtioDriver.Ring ring, ushort index) => _driver.SetHalf(ring.Available + 4 + (2 * (ulong)ring.Size), index);

    private void Break(VirtioDriver.Ring ring, string kind)
    {
        const ushort Next = VirtioDriver.Next;
        const ushort Write = VirtioDriver.Write;
        const ushort Indirect = VirtioDriver.IndirectFlag;
        var buffer = _driver.Allocate(16);
        var table = _driver.Allocate(2048);
        const ulong End = VirtioDriver.Ram + VirtioDriver.RamBytes;
        ring.SetDescriptor(8, buffer, 16, Write, 0);
        switch (kind)
        {
            case "loop":
                ring.SetDescriptor(8, buffer, 16, Write | Next, 9);
                ring.SetDescriptor(9, buffer, 16, Write | Next, 8);
                break;
            case "self":
                ring.SetDescriptor(8, buffer, 16, Write | Next, 8);
                break;
            case "next out of table":
                ring.SetDescriptor(8, buffer, 16, Write | Next, 16);
                break;
            case "outside RAM":
                ring.SetDescriptor(8, VirtioDriver.Ram - 16, 16, Write, 0);
                break;
            case "end outside RAM":
                ring.SetDescriptor(8, End - 8, 16, Write, 0);
                break;
            case "address wraps":
                ring.SetDescriptor(8, ulong.MaxValue - 7, 16, Write, 0);
                break;
            case "huge":
                ring.SetDescriptor(8, buffer, uint.MaxValue, Write, 0);
                break;
            case "zero length":
                ring.SetDescriptor(8, buffer, 0, Write, 0);
                break;
            case "readable after writable":
                ring.SetDescriptor(8, buffer, 16, Write | Next, 9);
                ring.SetDescriptor(9, buffer, 16, 0, 0);
                break;
            case "nothing writable":
                ring.SetDescriptor(8, buffer, 16, 0, 0);
                break;
            case "head out of table":
                ring.Publish(16);
                return;
            case "index ahead":
                _driver.SetHalf(ring.Available + 2, (ushort)(ring.Added + 17));
                return;
            case "indirect in indirect":
                ring.SetDescriptor(0, table, 16, Indirect, 0, table);
                ring.SetDescriptor(8, table, 16, Indirect, 0);
                break;
            case "indirect continued":
                ring.SetDescriptor(8, table, 16, Indirect | Next, 9);
                break;
            case "indirect empty":
                ring.SetDescriptor(8, table, 0, Indirect, 0);
                break;
            case "indirect odd":
                ring.SetDescriptor(8, table, 24, Indirect, 0);
                break;
            case "indirect too long":
                ring.SetDescriptor(8, table, 65 * 16, Indirect, 0);
                break;
            case "indirect outside RAM":
                ring.SetDescriptor(8, End - 16, 32, Indirect, 0);
                break;
            case "indirect next out of table":
                ring.SetDescriptor(0, buffer, 16, Write | Next, 2, table);
                ring.SetDescriptor(8, table, 32, Indirect, 0);
                break;
            case "indirect loop":
                ring.SetDescriptor(0, buffer, 16, Write | Next, 1, table);
                ring.SetDescriptor(1, buffer, 16, Write | Next, 0, table);
                ring.SetDescriptor(8, table, 32, Indirect, 0);
                break;
            case "longer than the queue":
                for (var i = 0; i < 64; i++)
                    ring.SetDescriptor(i, buffer, 1, (ushort)(Write | (i < 63 ? Next : 0)), (ushort)(i + 1), table);
                ring.SetDescriptor(8, buffer, 1, Write | Next, 9);
                ring.SetDescriptor(9, table, 64 * 16, Indirect, 0);
                break;
            default:
                throw new ArgumentException(kind, nameof(kind));
        }

        ring.Publish(8);
    }
}
