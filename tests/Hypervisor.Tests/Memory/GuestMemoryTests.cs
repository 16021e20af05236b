using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Memory;

public sealed unsafe class GuestMemoryTests
{
    private const ulong Base = 0x4000_0000;

    [Theory]
    [InlineData(Base - 1, 1)]
    [InlineData(Base - 1, 2)]
    [InlineData(Base + 0x2_0000, 1)]
    [InlineData(Base + 0x1_ffff, 2)]
    [InlineData(ulong.MaxValue, 2)]
    [InlineData(Base, int.MaxValue)]
    public void Ranges_that_leave_ram_are_refused(ulong address, int length)
    {
        using var memory = new GuestMemory(Base, 2 * GuestMemory.ChunkSize);
        Assert.False(memory.TryAcquireRead(address, length, out _));
        Assert.False(memory.TryAcquireWrite(address, length, out _));
    }

    [Fact]
    public void Writes_mark_every_chunk_they_touch()
    {
        using var memory = new GuestMemory(Base, 4 * GuestMemory.ChunkSize);
        Assert.True(memory.TryWrite(Base + GuestMemory.ChunkSize - 1, [1, 2]));
        Assert.Equal([true, true, false, false], Enumerable.Range(0, 4).Select(memory.IsChunkTouched));

        memory.StartDirtyEpoch();
        var dirty = new ulong[1];
        memory.CollectDirty(dirty);
        Assert.Equal(0UL, dirty[0]);
        Assert.True(memory.TryWrite(Base + (3 * GuestMemory.ChunkSize), [1]));
        memory.CollectDirty(dirty);
        Assert.Equal(0b1000UL, dirty[0]);
        Assert.True(memory.IsChunkTouched(0));
    }

    [Fact]
    public void Clear_makes_everything_zero_and_untouched()
    {
        using var memory = new GuestMemory(Base, GuestMemory.ChunkSize);
        Assert.True(memory.TryWrite(Base + 100, [7]));
        memory.Clear();
        var bytes = new byte[GuestMemory.ChunkSize];
        Assert.True(memory.TryRead(Base, bytes));
        Assert.All(bytes, value => Assert.Equal(0, value));
        Assert.False(memory.IsChunkTouched(0));
    }

    [Fact]
    public void Writing_into_decoded_code_changes_its_stamp_once()
    {
        using var memory = new GuestMemory(Base, GuestMemory.ChunkSize);
        var stamp = memory.CodePages.MarkCode(0x1000);
        Assert.True(memory.CodePages.IsCurrent(0x1ffc, stamp));
        Assert.True(memory.TryWrite(Base + 0x1800, [1]));
        Assert.True(memory.TryWrite(Base + 0x1800, [2]));
        Assert.False(memory.CodePages.IsCurrent(0x1000, stamp));
        Assert.Equal(memory.CodePages.MarkCode(0x1000), memory.CodePages.MarkCode(0x1000));
    }
}
