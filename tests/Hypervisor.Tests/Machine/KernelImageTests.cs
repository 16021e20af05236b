using System.Buffers.Binary;
using System.IO.Compression;
using CloudVm.Hypervisor.Machine;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Machine;

/// <summary>Kernel files are hostile input.</summary>
public sealed class KernelImageTests
{
    private const long Ram = 64 << 20;

    private static byte[] Hello => File.ReadAllBytes(RepositoryRoot.Combine("images", "hello-sve", "hello-sve.elf"));

    [Fact]
    public void ElfSegmentsGoToTheirPhysicalAddresses()
    {
        var image = KernelImage.Parse(Hello, Ram);

        Assert.False(image.IsLinux);
        Assert.NotEmpty(image.Segments);
        Assert.Contains(image.Segments, s => image.Entry - s.Address < s.MemoryBytes);
    }

    [Fact]
    public void DamagedElfFilesAreRefusedAndNeverCrash()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var original = Hello;
        for (var i = 0; i < 20_000; i++)
        {
            var damaged = (byte[])original.Clone();
            for (var n = random.Next(1, 8); n > 0; n--)
                damaged[random.Next(random.Next(2) == 0 ? 64 : 512)] = (byte)random.Next(256);
            try
            {
                var image = KernelImage.Parse(damaged.AsMemory(0, random.Next(4) == 0 ? random.Next(damaged.Length) : damaged.Length), Ram);
                Assert.All(image.Segments, s => Assert.InRange(s.Address + s.MemoryBytes, MemoryMap.Ram, MemoryMap.Ram + (ulong)Ram));
            }
            catch (BootException e)
            {
                Assert.NotEmpty(e.Reasons);
            }
        }
    }

    [Fact]
    public void EveryFaultOfAnElfHeaderIsNamed()
    {
        var elf = Hello;
        elf[4] = 1;
        elf[5] = 2;
        BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(18), 62);

        var e = Assert.Throws<BootException>(() => KernelImage.Parse(elf, Ram));

        Assert.Equal(3, e.Reasons.Count);
    }

    [Fact]
    public void LinuxImageGoesToItsTextOffset()
    {
        var image = KernelImage.Parse(LinuxImage(textOffset: 0x20_0000, imageSize: 0x30_0000), Ram);

        Assert.True(image.IsLinux);
        Assert.Equal(MemoryMap.Ram + 0x20_0000, image.Entry);
        Assert.Equal(MemoryMap.Ram + 0x50_0000, image.End);
    }

    [Fact]
    public void LinuxImageBeyondRamIsRefused()
    {
        Assert.Throws<BootException>(() => KernelImage.Parse(LinuxImage(ulong.MaxValue - 0x1000, 0x30_0000), Ram));
        Assert.Throws<BootException>(() => KernelImage.Parse(LinuxImage(0, ulong.MaxValue), Ram));
    }

    [Fact]
    public void CompressedImageIsUnpackedWithinRam()
    {
        Assert.Equal(0x20_0000ul, KernelImage.Parse(Gzip(LinuxImage(0x20_0000, 0x1000)), Ram).Entry - MemoryMap.Ram);
        var bomb = Assert.Throws<BootException>(() => KernelImage.Parse(Gzip(new byte[Ram + 1]), Ram));
        Assert.Contains("unpacks", bomb.Message, StringComparison.Ordinal);
        Assert.Throws<BootException>(() => KernelImage.Parse(new byte[] { 0x1f, 0x8b, 8, 0, 1, 2, 3 }, Ram));
    }

    [Fact]
    public void FlatBinaryGoesToItsFixedPlace()
    {
        Assert.Equal(MemoryMap.Ram + 0x8_0000, KernelImage.Parse(new byte[] { 1, 2, 3, 4 }, Ram).Entry);
        Assert.Throws<BootException>(() => KernelImage.Parse(Array.Empty<byte>(), Ram));
        Assert.Throws<BootException>(() => KernelImage.Parse(new byte[Ram], Ram));
    }

    private static byte[] LinuxImage(ulong textOffset, ulong imageSize)
    {
        var image = new byte[4096];
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), textOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), imageSize);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(56), 0x644d5241);
        return image;
    }

    private static byte[] Gzip(byte[] data)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest))
            gzip.Write(data);
        return target.ToArray();
    }
}
