using CloudVm.Hypervisor.Disks;
using static CloudVm.Hypervisor.Tests.Disks.DiskFolder;

namespace CloudVm.Hypervisor.Tests.Disks;

public sealed class OverlayDiskTests : IDisposable
{
    private readonly DiskFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_write_hides_the_base_and_leaves_it_alone()
    {
        var original = Enumerable.Range(0, (2 * Block) + 1024).Select(i => (byte)(i >> 8 | 1)).ToArray();
        _folder.WriteBase(original);
        using var disk = _folder.Open(4 * Block, withBase: true);
        disk.Write(Block - 512, Bytes(1024, 0xaa));

        var expected = new byte[4 * Block];
        original.CopyTo(expected, 0);
        expected.AsSpan(Block - 512, 1024).Fill(0xaa);
        Assert.Equal(expected, Read(disk));
        Assert.Equal(original, File.ReadAllBytes(_folder.Base));
        Assert.Equal(2 * Block, disk.AllocatedBytes);
        Assert.Equal(BlockState.Base, disk.StateOf(2));
    }

    [Fact]
    public void What_was_flushed_is_there_when_opened_again_and_the_disk_grows()
    {
        using (var disk = _folder.Open(Block + 512))
        {
            disk.Write(Block, Bytes(512, 7));
            disk.Flush();
        }

        using var grown = _folder.Open(5 * Block);
        Assert.Equal(7, Read(grown)[Block]);
        Assert.Equal(5 * Block, grown.SizeBytes);
        grown.Write(4 * Block, Bytes(Block, 9));
        Assert.Equal(9, Read(grown)[^1]);
    }

    [Fact]
    public void A_disk_that_was_not_disposed_keeps_what_was_flushed_only()
    {
        using (var disk = _folder.Open(4 * Block))
        {
            disk.Write(0, Bytes(Block, 1));
            disk.Flush();
            disk.Write(Block, Bytes(Block, 2));
            foreach (var suffix in (string[])["", ".map"])
                File.Copy(_folder.Overlay + suffix, _folder.In("copy") + suffix);
        }

        using var copy = OverlayDisk.Open(new OverlayFiles(_folder.In("copy"), 4 * Block));
        Assert.Equal(1, Read(copy)[0]);
        Assert.Equal(0, Read(copy)[Block]);
    }

    [Fact]
    public void Shrinking_and_another_base_are_refused()
    {
        _folder.Open(2 * Block).Dispose();
        Assert.Contains("cannot shrink", Refused(() => _folder.Open(Block)));
        _folder.WriteBase(new byte[512]);
        Assert.Contains("not over a base of 512 bytes", Refused(() => _folder.Open(2 * Block, withBase: true)));
    }

    [Fact]
    public void Sizes_bases_and_files_that_do_not_fit_are_refused()
    {
        Assert.Contains("multiple of 512", Refused(() => _folder.Open(1000)));
        Assert.Contains("at most", Refused(() => _folder.Open(OverlayDisk.MaxSizeBytes + 512)));
        Assert.Contains("is missing", Refused(() => _folder.Open(Block, withBase: true)));
        _folder.WriteBase(new byte[Block]);
        Assert.Contains("too small", Refused(() => _folder.Open(512, withBase: true)));
    }

    [Fact]
    public void Two_may_not_use_one_overlay_but_share_a_base()
    {
        _folder.WriteBase(Bytes(512, 3));
        using var disk = _folder.Open(Block, withBase: true);
        Assert.Contains("Another process", Refused(() => _folder.Open(Block, withBase: true)));
        using var other = OverlayDisk.Open(new OverlayFiles(_folder.In("other"), Block, _folder.Base));
        Assert.Equal(3, Read(other)[0]);
    }

    [Theory]
    [InlineData("", "its journal names")]
    [InlineData(".map", "journal")]
    public void A_lost_file_is_not_taken_for_a_new_disk(string lost, string reason)
    {
        using (var disk = _folder.Open(Block))
            disk.Write(0, Bytes(512, 1));
        File.Delete(_folder.Overlay + lost);
        Assert.Contains(reason, Refused(() => _folder.Open(Block)));
    }

    [Fact]
    public void A_creation_that_was_interrupted_is_completed()
    {
        _folder.Open(Block).Dispose();
        File.Delete(_folder.Overlay);
        using var disk = _folder.Open(Block);
        Assert.Equal(new byte[Block], Read(disk));
    }

    [Fact]
    public void Discards_and_zeroes_hide_the_base_and_give_space_back()
    {
        _folder.WriteBase(Bytes(4 * Block, 5));
        using (var disk = _folder.Open(6 * Block, withBase: true))
        {
            disk.Write(0, Bytes(6 * Block, 6));
            disk.Discard(512, (2 * Block) - 512);
            disk.WriteZeroes((2 * Block) + 512, Block, mayUnmap: false);
            disk.Discard(5 * Block, Block);
            Assert.Equal([BlockState.Data, BlockState.Zero, BlockState.Data, BlockState.Data, BlockState.Data, BlockState.Base], States(disk));
        }

        using var again = _folder.Open(6 * Block, withBase: true);
        var content = Read(again);
        Assert.All(content[..Block], b => Assert.Equal(6, b));
        Assert.Equal(new byte[Block], content[Block..(2 * Block)]);
        Assert.Equal(6, content[2 * Block]);
        Assert.Equal(new byte[Block], content[((2 * Block) + 512)..((3 * Block) + 512)]);
        Assert.Equal(6, content[(3 * Block) + 512]);
        Assert.Equal(new byte[Block], content[(5 * Block)..]);
        Assert.Equal(4 * Block, again.AllocatedBytes);
    }

    [Fact]
    public void A_read_only_disk_takes_nothing_from_the_guest_but_from_a_restore()
    {
        using var disk = _folder.Open(2 * Block, isReadOnly: true);
        Assert.Throws<IOException>(() => disk.Write(0, new byte[512]));
        Assert.Throws<IOException>(() => disk.Discard(0, Block));
        Assert.Throws<IOException>(() => disk.WriteZeroes(0, 512, mayUnmap: true));
        disk.Flush();
        disk.WriteBlocks(1, Bytes(Block, 8));
        Assert.Equal(8, Read(disk)[Block]);
    }

    [Theory]
    [InlineData(-512, 512)]
    [InlineData(0, Block + 512)]
    [InlineData(Block, 512)]
    [InlineData(1, 512)]
    [InlineData(0, 511)]
    [InlineData(long.MaxValue - 511, 512)]
    public void Ranges_outside_the_disk_are_errors(long offset, int length)
    {
        using var disk = _folder.Open(Block);
        Assert.Throws<IOException>(() => disk.Write(offset, new byte[length]));
        Assert.Throws<IOException>(() => disk.Read(offset, new byte[length]));
        Assert.Throws<IOException>(() => disk.Discard(offset, length));
    }

    [Fact]
    public void The_dirty_epoch_knows_every_kind_of_change()
    {
        using var disk = _folder.Open(70 * Block);
        var bitmap = new ulong[2];
        disk.CollectDirty(bitmap);
        Assert.Equal([ulong.MaxValue, 0x3f], bitmap);

        disk.Write(0, Bytes(3 * Block, 1));
        disk.StartDirtyEpoch();
        disk.CollectDirty(bitmap);
        Assert.Equal([0, 0], bitmap);
        disk.Write(Block, Bytes(512, 2));
        disk.Discard(2 * Block, Block);
        disk.Write(69 * Block, Bytes(512, 3));
        disk.CollectDirty(bitmap);
        Assert.Equal([0b110, 1UL << 5], bitmap);
        disk.CollectState(BlockState.Data, bitmap);
        Assert.Equal([0b011, 1UL << 5], bitmap);
    }

    [Fact]
    public void A_full_host_is_an_error_and_changes_nothing_else()
    {
        var full = new FullStorage();
        _folder.WriteBase(Bytes(2 * Block, 4));
        using (var disk = _folder.Open(4 * Block, withBase: true, storage: full))
        {
            disk.Write(2 * Block, Bytes(512, 1));
            disk.Flush();
            full.IsFull = true;
            Assert.Throws<IOException>(() => disk.Write(512, Bytes(512, 9)));
            Assert.Equal(BlockState.Base, disk.StateOf(0));
            Assert.Equal(4, Read(disk)[512]);
            full.IsFull = false;
            disk.Write(3 * Block, Bytes(512, 2));
            full.IsFull = true;
            Assert.Throws<IOException>(disk.Flush); // there is no room for the journal's record
            full.IsFull = false;
            disk.Flush();
        }

        using var again = _folder.Open(4 * Block, withBase: true);
        Assert.Equal([BlockState.Base, BlockState.Base, BlockState.Data, BlockState.Data], States(again));
        Assert.Equal(2, Read(again)[3 * Block]);
    }

    [Fact]
    public void After_a_failed_flush_nothing_is_promised_any_more()
    {
        var storage = new FullStorage();
        using var disk = _folder.Open(Block, storage: storage);
        disk.Write(0, Bytes(512, 1));
        storage.CannotFlush = true;
        Assert.Throws<IOException>(disk.Flush);
        storage.CannotFlush = false;
        Assert.Contains("takes no writes", Assert.Throws<IOException>(disk.Flush).Message);
        Assert.Throws<IOException>(() => disk.Write(0, Bytes(512, 2)));
        Assert.Equal(1, Read(disk)[0]);
    }

    [Fact]
    public void A_restore_fills_an_overlay_of_its_own_and_takes_over_at_the_end()
    {
        using var disk = new MachineDisk("data", new OverlayFiles(_folder.Overlay, 2 * Block));
        disk.Write(0, Bytes(512, 1));
        Assert.Throws<DiskException>(() => disk.BeginRestore(_folder.Overlay));
        disk.BeginRestore(_folder.In("restored"));
        disk.Restoring!.WriteBlocks(1, Bytes(Block, 2));
        disk.BeginRestore(_folder.In("restored"));
        Assert.Equal(BlockState.Base, disk.Restoring!.StateOf(1));
        disk.Restoring.WriteBlocks(1, Bytes(Block, 3));
        Assert.Equal(1, Read(disk.Overlay)[0]);

        disk.Restoring.Flush();
        disk.CompleteRestore();
        Assert.Null(disk.Restoring);
        Assert.Equal(0, Read(disk.Overlay)[0]);
        Assert.Equal(3, Read(disk.Overlay)[Block]);
        using var former = _folder.Open(2 * Block);
        Assert.Equal(1, Read(former)[0]);
    }

    private static byte[] Bytes(int length, byte value)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    private static byte[] Read(OverlayDisk disk)
    {
        var content = new byte[disk.SizeBytes];
        disk.Read(0, content);
        return content;
    }

    private static BlockState[] States(OverlayDisk disk) => [.. Enumerable.Range(0, disk.BlockCount).Select(disk.StateOf)];

    private static string Refused(Func<OverlayDisk> open) => Assert.Throws<DiskException>(() => open().Dispose()).Message;

    private sealed class FullStorage : HostStorage
    {
        public bool IsFull { get; set; }

        public bool CannotFlush { get; set; }

        public override void Write(Microsoft.Win32.SafeHandles.SafeFileHandle file, ReadOnlySpan<byte> source, long offset)
        {
            base.Write(file, IsFull ? source[..(source.Length / 2)] : source, offset);
            if (IsFull)
                throw new IOException("No space left on device");
        }

        public override void Flush(Microsoft.Win32.SafeHandles.SafeFileHandle file)
        {
            if (CannotFlush)
                throw new IOException("Input/output error");
            base.Flush(file);
        }
    }
}
