using System.Buffers.Binary;
using System.Text;
using CloudVm.Hypervisor.Devices.Virtio.Block;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

public sealed class VirtioBlockTests : IDisposable
{
    private const uint In = 0;
    private const uint Out = 1;
    private const uint Flush = 4;
    private const uint GetId = 8;
    private const uint Discard = 11;
    private const uint WriteZeroes = 13;
    private const ulong FlushFeature = 1ul << 9;
    private const ulong WritebackFeature = 1ul << 11;
    private const int DiskBytes = 1024 * 1024;

    private readonly MemoryDisk _disk = new(DiskBytes);
    private readonly VirtioDriver _driver;

    public VirtioBlockTests()
    {
        _driver = new VirtioDriver(memory => new VirtioBlock("root-disk", _disk, memory));
        _driver.Start(VirtioDriver.Version1 | FlushFeature | WritebackFeature);
    }

    public void Dispose()
    {
        _driver.Dispose();
        _disk.Dispose();
    }

    [Fact]
    public void Configuration_describes_the_disk()
    {
        var config = _driver.Config(60);
        Assert.Equal(2048ul, BinaryPrimitives.ReadUInt64LittleEndian(config));
        Assert.Equal(254u, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(12)));
        Assert.Equal(512u, BinaryPrimitives.ReadUInt32LittleEndian(config.AsSpan(20)));
        Assert.Equal(1, config[32]);
        Assert.Equal(0ul, _driver.Transport.Read(0x1f8, 8));
        Assert.Equal(0x6e44ul, _driver.OfferedFeatures() & 0xffff);
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var data = RandomBytes(8192);
        var at = _driver.Allocate(data);
        Assert.Equal(0, Request(Out, 8, (at, 4096, false), (at + 4096, 4096, false)));
        Assert.Equal(data, _disk.Content.AsSpan(4096, 8192).ToArray());

        var back = _driver.Allocate(8192);
        Assert.Equal(0, Request(In, 8, (back, 512, true), (back + 512, 7680, true)));
        Assert.Equal(data, _driver.Bytes(back, 8192));
        Assert.DoesNotContain("flush", _disk.Calls);
    }

    [Fact]
    public void Segments_of_odd_lengths_and_shared_with_header_and_status_work()
    {
        var data = RandomBytes(1024);
        var head = _driver.Allocate([.. Header(Out, 1), .. data[..100]]);
        var rest = _driver.Allocate(data.AsSpan(100));
        var status = _driver.Allocate([0xff]);
        _driver.Queue(0).Run((head, 116, false), (rest, 924, false), (status, 1, true));
        Assert.Equal(0, _driver.Bytes(status, 1)[0]);
        Assert.Equal(data, _disk.Content.AsSpan(512, 1024).ToArray());

        var back = _driver.Allocate(1025);
        Assert.Equal(1025, _driver.Queue(0).Run((_driver.Allocate(Header(In, 1)), 16, false), (back, 300, true), (back + 300, 725, true)));
        Assert.Equal([.. data, 0], _driver.Bytes(back, 1025));
    }

    [Fact]
    public void A_large_transfer_of_odd_segments_keeps_its_order()
    {
        var data = RandomBytes(200 * 1024);
        var at = _driver.Allocate(data);
        Assert.Equal(0, Request(Out, 0, (at, 100_001, false), (at + 100_001, data.Length - 100_001, false)));
        Assert.Equal(data, _disk.Content.AsSpan(0, data.Length).ToArray());
    }

    [Fact]
    public void Flush_and_serial_number()
    {
        Assert.Equal(0, Request(Flush, 0));
        Assert.Contains("flush", _disk.Calls);
        var id = _driver.Allocate(20);
        Assert.Equal(0, Request(GetId, 0, (id, 20, true)));
        Assert.Equal("root-disk" + new string('\0', 11), Encoding.ASCII.GetString(_driver.Bytes(id, 20)));
    }

    [Fact]
    public void A_driver_that_switches_the_cache_off_gets_durable_writes()
    {
        _driver.Transport.Write(0x100 + 32, 1, 0);
        Assert.Equal(0, _driver.Config(60)[32]);
        Assert.Equal(0, Request(Out, 0, (_driver.Allocate(512), 512, false)));
        Assert.Equal("flush", _disk.Calls.Last());
        _driver.Transport.Write(0x100, 4, 7);
        Assert.Equal(0, _driver.Config(60)[0]);
        _driver.SetRegister(0x70, 0);
        Assert.Equal(1, _driver.Config(60)[32]);
    }

    [Fact]
    public void A_driver_that_cannot_flush_gets_durable_writes()
    {
        _driver.Start();
        Assert.Equal(0, Request(Out, 0, (_driver.Allocate(512), 512, false)));
        Assert.Equal("flush", _disk.Calls.Last());
    }

    [Theory]
    [InlineData(In, 2048ul, 512)]
    [InlineData(In, 2047ul, 1024)]
    [InlineData(Out, 2048ul, 512)]
    [InlineData(Out, ulong.MaxValue, 512)]
    [InlineData(Out, 1ul << 55, 512)]
    [InlineData(In, 0ul, 100)]
    [InlineData(Out, 0ul, 513)]
    [InlineData(GetId, 0ul, 19)]
    public void Requests_beyond_the_disk_or_of_odd_lengths_are_io_errors(uint type, ulong sector, int length)
    {
        Assert.Equal(1, Request(type, sector, (_driver.Allocate(length), length, type != Out)));
        Assert.Empty(_disk.Calls);
        Assert.False(_driver.NeedsReset);
    }

    [Fact]
    public void Unknown_requests_are_unsupported()
    {
        Assert.Equal(2, Request(99, 0));
        Assert.Equal(0, Request(Flush, 0));
    }

    [Fact]
    public void Ranges_are_discarded_and_zeroed_within_bounds()
    {
        _disk.Content.AsSpan().Fill(0xaa);
        Assert.Equal(0, Request(Discard, 0, Ranges((8, 16, 0), (100, 1, 0))));
        Assert.Equal(0, Request(WriteZeroes, 0, Ranges((2, 4, 1), (2047, 1, 0), (3, 0, 0))));
        Assert.Equal(["discard 4096 8192", "discard 51200 512", "zero 1024 2048 True", "zero 1048064 512 False"], _disk.Calls);
        Assert.Equal(0, _disk.Content[1024]);
    }

    [Theory]
    [InlineData(Discard, 2048ul, 1u, 0u, 1)]
    [InlineData(Discard, 0ul, 131073u, 0u, 1)]
    [InlineData(Discard, 0ul, 1u, 1u, 2)]
    [InlineData(WriteZeroes, 0ul, 1u, 2u, 2)]
    [InlineData(WriteZeroes, ulong.MaxValue, 1u, 0u, 1)]
    public void Wrong_ranges_are_refused_before_any_is_carried_out(uint type, ulong sector, uint sectors, uint flags, byte status)
    {
        Assert.Equal(status, Request(type, 0, Ranges((0, 1, 0), (sector, sectors, flags))));
        Assert.Equal(1, Request(type, 0));
        Assert.Equal(1, Request(type, 0, Ranges([.. Enumerable.Repeat((0ul, 1u, 0u), 17)])));
        Assert.Empty(_disk.Calls);
    }

    [Fact]
    public void Failing_storage_is_an_io_error_and_an_event()
    {
        _disk.Failure = "the platter is bent";
        Assert.Equal(1, Request(In, 0, (_driver.Allocate(512), 512, true)));
        Assert.Contains(_driver.Events, e => e.StartsWith("virtio-blk root-disk", StringComparison.Ordinal) && e.Contains("bent", StringComparison.Ordinal));
        _disk.Failure = null;
        Assert.Equal(0, Request(In, 0, (_driver.Allocate(512), 512, true)));
    }

    [Theory]
    [InlineData("short header", "header has 15 bytes")]
    [InlineData("no status", "no room for its status")]
    public void Requests_without_header_or_status_stop_the_device(string kind, string reason)
    {
        var ring = _driver.Queue(0);
        var buffer = _driver.Allocate(64);
        if (kind == "short header")
            ring.Add((buffer, 15, false), (buffer + 32, 1, true));
        else
            ring.Add((buffer, 16, false));
        ring.Kick();
        _driver.AwaitBroken(reason);
    }

    [Fact]
    public void A_read_only_disk_takes_no_change()
    {
        var disk = new MemoryDisk(DiskBytes, isReadOnly: true);
        using (var driver = new VirtioDriver(memory => new VirtioBlock("base", disk, memory)))
        {
            Assert.Equal(1ul << 5, driver.OfferedFeatures() & ((1ul << 5) | (1ul << 13) | (1ul << 14)));
            driver.Start(VirtioDriver.Version1 | (1ul << 5));
            Assert.Equal(1, Request(driver, Out, 0, (driver.Allocate(512), 512, false)));
            Assert.Equal(1, Request(driver, Discard, 0, (driver.Allocate(16), 16, false)));
            Assert.Equal(0, Request(driver, Flush, 0));
            Assert.Equal(0, Request(driver, In, 0, (driver.Allocate(512), 512, true)));
            Assert.Equal(["read 0 512"], disk.Calls);
        }

        Assert.True(disk.IsDisposed);
    }

    [Fact]
    public void State_of_a_disk_of_another_size_is_refused()
    {
        _driver.Transport.Write(0x100 + 32, 1, 0);
        var state = _driver.Save();
        using var same = new VirtioDriver(memory => new VirtioBlock("other", new MemoryDisk(DiskBytes), memory));
        same.TakeRingsOf(_driver);
        same.Restore(state);
        Assert.Equal(0, same.Config(60)[32]);

        using var larger = new VirtioDriver(memory => new VirtioBlock("other", new MemoryDisk(DiskBytes + 512), memory));
        Assert.True(Assert.Throws<StateFormatException>(() => larger.Restore(state)).Incompatible);
    }

    private byte Request(uint type, ulong sector, params ReadOnlySpan<(ulong Address, int Length, bool Writable)> data) =>
        Request(_driver, type, sector, data);

    private static byte Request(VirtioDriver driver, uint type, ulong sector, params ReadOnlySpan<(ulong Address, int Length, bool Writable)> data)
    {
        var status = driver.Allocate([0xff]);
        driver.Queue(0).Run([(driver.Allocate(Header(type, sector)), 16, false), .. data, (status, 1, true)]);
        return driver.Bytes(status, 1)[0];
    }

    private (ulong Address, int Length, bool Writable) Ranges(params (ulong Sector, uint Count, uint Flags)[] ranges)
    {
        var bytes = new byte[16 * ranges.Length];
        for (var i = 0; i < ranges.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16 * i), ranges[i].Sector);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan((16 * i) + 8), ranges[i].Count);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan((16 * i) + 12), ranges[i].Flags);
        }

        return (_driver.Allocate(bytes), bytes.Length, false);
    }

    private static byte[] Header(uint type, ulong sector)
    {
        var header = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), sector);
        return header;
    }

    private static byte[] RandomBytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
