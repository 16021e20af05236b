using System.Buffers.Binary;
using CloudVm.Hypervisor.Devices.Virtio.Balloon;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

public sealed class VirtioBalloonTests : IDisposable
{
    private const ulong Features = VirtioDriver.Version1 | (1ul << 1) | (1ul << 2) | (1ul << 5);
    private const ulong Victim = VirtioDriver.Ram + 0x40_0000;
    private const int PageBytes = 4096;

    private VirtioBalloon? _balloon;
    private readonly VirtioDriver _driver;

    public VirtioBalloonTests()
    {
        _driver = new VirtioDriver(memory => _balloon = new VirtioBalloon(memory));
        _driver.Start(Features);
        var pages = new byte[32 * PageBytes];
        Array.Fill(pages, (byte)0x5a);
        Assert.True(_driver.Memory.TryWrite(Victim, pages));
    }

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Given_up_pages_read_as_zeros_and_count_as_written()
    {
        _driver.Memory.StartDirtyEpoch();
        Inflate(Victim, Victim + PageBytes, Victim + (5 * PageBytes), Victim + (4 * PageBytes));

        foreach (var page in (int[])[0, 1, 4, 5])
            Assert.All(_driver.Bytes(Victim + (ulong)(page * PageBytes), PageBytes), b => Assert.Equal(0, b));
        foreach (var page in (int[])[2, 3, 6])
            Assert.All(_driver.Bytes(Victim + (ulong)(page * PageBytes), PageBytes), b => Assert.Equal(0x5a, b));
        Assert.Equal(4 * PageBytes, _balloon!.InflatedBytes);
        var dirty = new ulong[(_driver.Memory.ChunkCount + 63) / 64];
        _driver.Memory.CollectDirty(dirty);
        var chunk = (int)((Victim - VirtioDriver.Ram) / GuestMemory.ChunkSize);
        Assert.NotEqual(0ul, dirty[chunk / 64] & (1ul << (chunk % 64)));
        Assert.True(_driver.Memory.IsChunkTouched(chunk));

        _driver.Queue(1).Run((Pages(Victim), 4, false));
        Assert.True(_driver.Memory.TryWrite(Victim, [1, 2, 3]));
        Assert.Equal([1, 2, 3], _driver.Bytes(Victim, 3));
    }

    [Fact]
    public void Code_in_given_up_pages_is_forgotten()
    {
        var stamp = _driver.Memory.CodePages.MarkCode(Victim - VirtioDriver.Ram);
        Inflate(Victim);
        Assert.False(_driver.Memory.CodePages.IsCurrent(Victim - VirtioDriver.Ram, stamp));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(uint.MaxValue)]
    [InlineData(0x4_0800u)]
    public void Pages_outside_RAM_stop_the_device(uint page)
    {
        var list = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(list, page);
        _driver.Queue(0).Add((_driver.Allocate(list), 4, false));
        _driver.Queue(0).Kick();
        _driver.AwaitBroken("given up by the driver");
        Assert.Equal(0, _balloon!.InflatedBytes);
    }

    [Fact]
    public void Reported_free_ranges_return_to_the_host()
    {
        Assert.Equal(0, _driver.Queue(3).Run((Victim, 8 * PageBytes, true), (Victim + (16 * PageBytes) + 100, PageBytes + 200, true)));
        Assert.All(_driver.Bytes(Victim, 8 * PageBytes), b => Assert.Equal(0, b));
        Assert.Equal(0x5a, _driver.Bytes(Victim + (17 * PageBytes) - 1, 1)[0]);
        Assert.Equal(0x5a, _driver.Bytes(Victim + (17 * PageBytes), 1)[0]);
        Assert.Equal((9 * PageBytes) + 200, _balloon!.ReportedBytes);
    }

    [Fact]
    public void The_target_is_configuration_and_survives_the_drivers_reset()
    {
        _balloon!.TargetBytes = 3 * 1024 * 1024;
        Assert.Equal(2u, _driver.Register(0x60));
        Assert.Equal(768u, BinaryPrimitives.ReadUInt32LittleEndian(_driver.Config(4)));
        _driver.Transport.Write(0x104, 4, 700);
        _driver.Transport.Write(0x100, 4, 5);
        Assert.Equal(700L * PageBytes, _balloon.ActualBytes);
        _driver.Start(Features);
        Assert.Equal(768u, BinaryPrimitives.ReadUInt32LittleEndian(_driver.Config(4)));
        Assert.Equal(0, _balloon.ActualBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => _balloon.TargetBytes = VirtioDriver.RamBytes + PageBytes);
    }

    [Fact]
    public void Statistics_are_fetched_when_asked_for()
    {
        var ring = _driver.Queue(2);
        ring.Add((Statistic(4, 111), 20, false));
        ring.Kick();
        VirtioDriver.Await(() => _balloon!.ReadStatistics().GetValueOrDefault("freeBytes") == 111, "the first statistics");
        ring.Take();
        ring.Add((Statistic(4, 222), 20, false));
        ring.Kick();
        VirtioDriver.Await(() => _balloon!.ReadStatistics().GetValueOrDefault("freeBytes") == 222, "new statistics");
        Assert.Equal(999ul, _balloon!.ReadStatistics()["totalBytes"]);
    }

    [Fact]
    public void State_keeps_target_size_and_the_statistics_buffer()
    {
        _balloon!.TargetBytes = 1024 * 1024;
        _driver.Queue(2).Add((Statistic(4, 1), 20, false));
        _driver.Queue(2).Kick();
        _driver.Queue(1).Run((Pages(Victim), 4, false));
        _driver.Transport.Hold();
        var state = _driver.Save();

        VirtioBalloon? balloon = null;
        using var other = new VirtioDriver(memory => balloon = new VirtioBalloon(memory));
        other.Transport.Hold();
        other.TakeRingsOf(_driver);
        other.Restore(state);
        Assert.Equal(state, other.Save());
        other.Transport.Release();
        Assert.Equal(1024 * 1024, balloon!.TargetBytes);
        balloon.ReadStatistics();
        other.Queue(2).Take();
        _driver.Transport.Release();
    }

    private void Inflate(params ulong[] pages) => _driver.Queue(0).Run((Pages(pages), 4 * pages.Length, false));

    private ulong Pages(params ulong[] addresses)
    {
        var list = new byte[4 * addresses.Length];
        for (var i = 0; i < addresses.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(list.AsSpan(4 * i), (uint)(addresses[i] / PageBytes));
        return _driver.Allocate(list);
    }

    private ulong Statistic(ushort tag, ulong value)
    {
        var bytes = new byte[20];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, tag);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(2), value);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), 5);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(12), 999);
        return _driver.Allocate(bytes);
    }
}
