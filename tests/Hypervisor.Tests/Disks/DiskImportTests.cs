using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using CloudVm.Contracts.Images;
using CloudVm.Hypervisor.Disks;
using CloudVm.Hypervisor.Disks.Import;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Disks;

/// <summary>Imports of images that <c>qemu-img</c> 7.2 made of <see cref="Content"/>, and of what is not quite one.</summary>
public sealed class DiskImportTests(ITestOutputHelper output) : IDisposable
{
    private const int V3BitMapAt = 72;

    private readonly DiskFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("plain-v3.qcow2")]
    [InlineData("deflate-v2.qcow2")]
    [InlineData("deflate-v3.qcow2")]
    [InlineData("zstd-v3.qcow2")]
    public void Qcow2_becomes_the_disk_that_it_describes(string sample)
    {
        var imported = DiskImport.Run(Sample(sample), _folder.In("disk.raw"), format: null, Ct);
        Assert.Equal(Content(), File.ReadAllBytes(_folder.In("disk.raw")));
        Assert.Equal(DiskFormat.Qcow2, imported.Format);
        Assert.Equal(Content().Length, imported.VirtualSizeBytes);
        Assert.Equal(20 * 4096, imported.DataBytes); // every fourth block is zeros
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Sample(sample)))), imported.Sha256);
        Assert.Equal(["disk.raw"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Raw_is_taken_as_it_is_and_filled_up_to_a_sector()
    {
        byte[] content = [.. Content(), 1, 2, 3];
        File.WriteAllBytes(_folder.In("image"), content);
        var imported = DiskImport.Run(_folder.In("image"), _folder.In("disk.raw"), format: null, Ct);
        Assert.Equal((DiskFormat.Raw, Content().Length + 512L), (imported.Format, imported.VirtualSizeBytes));
        Assert.Equal(content, File.ReadAllBytes(_folder.In("disk.raw"))[..content.Length]);
    }

    /// <summary>Whoever says "raw" means it, also where a guest has written qcow2's magic number to its first sector.</summary>
    [Fact]
    public void The_stated_format_wins_over_the_magic_number()
    {
        var sample = Sample("plain-v3.qcow2");
        Assert.Equal(DiskFormat.Raw, DiskImport.Run(sample, _folder.In("disk.raw"), DiskFormat.Raw, Ct).Format);
        File.WriteAllBytes(_folder.In("image"), Content());
        Assert.Contains("no qcow2 image", Refused(_folder.In("image"), DiskFormat.Qcow2));
    }

    [Theory]
    [InlineData(4, 4u, "version 4")]
    [InlineData(12, 0x1000u, "backing file")]
    [InlineData(32, 2u, "encrypted")]
    [InlineData(20, 8u, "2^8 bytes")]
    [InlineData(20, 22u, "2^22 bytes")]
    [InlineData(20, 0xffff_ffffu, "bytes")]
    [InlineData(24, 0x7fff_ffffu, "1 to 2199023255552")]
    [InlineData(24, 0xffff_ffffu, "1 to 2199023255552")]
    [InlineData(36, 1u, "first table has 1 entries")]
    [InlineData(40, 0x8000_0000u, "outside the file")]
    [InlineData(44, 0x7fff_fe00u, "outside the file")]
    [InlineData(V3BitMapAt + 4, 2u, "corrupt")]
    [InlineData(V3BitMapAt + 4, 4u, "another file")]
    [InlineData(V3BitMapAt + 4, 16u, "subclusters")]
    [InlineData(V3BitMapAt + 4, 0x400u, "unknown incompatible features")]
    public void What_cannot_be_read_is_refused_by_name(int at, uint value, string reason)
    {
        var image = File.ReadAllBytes(Sample("plain-v3.qcow2"));
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(at), value);
        File.WriteAllBytes(_folder.In("image"), image);
        Assert.Contains(reason, Refused(_folder.In("image"), format: null));
        Assert.False(File.Exists(_folder.In("disk.raw")));
    }

    [Fact]
    public void Every_reason_of_a_header_is_named()
    {
        var image = File.ReadAllBytes(Sample("plain-v3.qcow2"));
        image[15] = 1;
        image[35] = 1;
        image[V3BitMapAt + 7] = 6;
        File.WriteAllBytes(_folder.In("image"), image);
        var message = Refused(_folder.In("image"), format: null);
        foreach (var reason in (string[])["backing file", "encrypted", "corrupt", "another file"])
            Assert.Contains(reason, message);
    }

    [Fact]
    public void A_table_that_names_one_cluster_again_and_again_does_not_fill_the_host()
    {
        var image = File.ReadAllBytes(Sample("plain-v3.qcow2"));
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(24), 64UL << 20);
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(36), 2048);
        var l1 = new byte[2048 * 8];
        var firstTable = image.AsSpan((int)BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(40)), 8).ToArray();
        for (var i = 0; i < 2048; i++)
            firstTable.CopyTo(l1, i * 8);
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(40), (ulong)(image.Length + 511) / 512 * 512);
        byte[] padding = new byte[(512 - (image.Length % 512)) % 512];
        File.WriteAllBytes(_folder.In("image"), [.. image, .. padding, .. l1]);
        Assert.Contains("more data than the file has", Refused(_folder.In("image"), format: null));
    }

    [Theory]
    [InlineData("plain-v3.qcow2")]
    [InlineData("deflate-v2.qcow2")]
    [InlineData("zstd-v3.qcow2")]
    public void Mutated_images_are_imported_or_refused_and_cost_little(string sample)
    {
        var random = new Random(FuzzTime.Seed(output));
        var original = File.ReadAllBytes(Sample(sample));
        var refused = 0;
        var clock = Stopwatch.StartNew();
        var rounds = 0;
        for (; rounds < 150 || clock.Elapsed < FuzzTime.Of(0, parts: 3); rounds++)
        {
            var image = original.ToArray();
            for (var i = random.Next(1, 12); i > 0; i--)
            {
                // Headers and tables are where damage hurts most.
                var at = random.Next(3) == 0 ? random.Next(128) : random.Next(image.Length);
                image[at] = random.Next(3) switch { 0 => 0xff, 1 => (byte)(image[at] ^ (1 << random.Next(8))), _ => (byte)random.Next(256) };
            }

            if (random.Next(4) == 0)
                image = image[..random.Next(1, image.Length)];
            File.WriteAllBytes(_folder.In("image"), image);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var imported = DiskImport.Run(_folder.In("image"), _folder.In("disk.raw"), DiskFormat.Qcow2, Ct);
                Assert.Equal(imported.VirtualSizeBytes, new FileInfo(_folder.In("disk.raw")).Length);
            }
            catch (DiskException e)
            {
                Assert.True(e.Message.Length > 20, e.Message);
                refused++;
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L << 20);
        }

        output.WriteLine($"{refused} of {rounds} refused");
        Assert.InRange(refused, 1, rounds);
    }

    [Fact]
    public async Task The_command_prints_what_it_made_or_why_not()
    {
        var (exit, text, _) = await RunAsync("--from", Sample("zstd-v3.qcow2"), "--to", _folder.In("disk.raw"));
        Assert.Equal(0, exit);
        Assert.Contains($"\"virtualSizeBytes\":{Content().Length}", text);
        Assert.Contains("\"format\":\"Qcow2\"", text);
        File.WriteAllBytes(_folder.In("image"), []);
        var (failed, _, reason) = await RunAsync("--from", _folder.In("image"), "--to", _folder.In("other.raw"));
        Assert.Equal(1, failed);
        Assert.Contains("empty", reason);
    }

    private static async Task<(int Exit, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor"), ["import-disk", .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(Ct);
        var text = await process.StandardOutput.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        return (process.ExitCode, text, await error);
    }

    private string Refused(string image, DiskFormat? format) =>
        Assert.Throws<DiskException>(() => DiskImport.Run(image, _folder.In("disk.raw"), format, Ct)).Message;

    private static string Sample(string name) => Path.Combine(RepositoryRoot.Path, "tests", "Hypervisor.Tests", "Data", "Disks", name);

    /// <summary>What the samples hold: blocks of 4096 bytes that are in turn zeros, one byte repeated, pseudo-random, and text.</summary>
    private static byte[] Content()
    {
        var content = new byte[27 * 4096];
        var random = 12345u;
        for (var i = 0; i < 27; i++)
        {
            var block = content.AsSpan(i * 4096, 4096);
            switch (i % 4)
            {
                case 1:
                    block.Fill((byte)i);
                    break;
                case 2:
                    for (var at = 0; at < block.Length; at++)
                    {
                        random = ((random * 1103515245) + 12345) & 0x7fff_ffff;
                        block[at] = (byte)(random >> 16);
                    }

                    break;
                case 3:
                    var line = Encoding.ASCII.GetBytes($"block {i:d4}\n");
                    for (var at = 0; at < block.Length; at++)
                        block[at] = line[at % line.Length];
                    break;
            }
        }

        return content;
    }
}
