namespace CloudVm.Hypervisor.Tests.Guests;

public sealed class HelloSveBuildTests
{
    [Fact]
    public void Manifest_hash_is_the_kept_file()
    {
        using var manifest = HelloSveImage.ReadManifest();
        var file = Assert.Single(manifest.RootElement.GetProperty("files").EnumerateArray());

        Assert.Equal("kernel", file.GetProperty("role").GetString());
        Assert.Equal("hello-sve.elf", file.GetProperty("path").GetString());
        Assert.Equal(HelloSveImage.Sha256(HelloSveImage.CommittedPath), file.GetProperty("sha256").GetString());
    }

    /// <summary>The toolchain may differ from the one that built the kept file, so what is compared is shape, not bytes.</summary>
    [Fact]
    public async Task Fresh_build_is_a_small_elf_with_the_same_entry_point()
    {
        var rebuilt = await File.ReadAllBytesAsync(await HelloSveImage.GetRebuiltPathAsync(), TestContext.Current.CancellationToken);
        var committed = await File.ReadAllBytesAsync(HelloSveImage.CommittedPath, TestContext.Current.CancellationToken);

        Assert.InRange(rebuilt.Length, 4 * 1024, 64 * 1024);
        Assert.Equal(EntryPoint(committed), EntryPoint(rebuilt));
    }

    /// <summary><c>e_entry</c> of a little-endian ELF64 file for AArch64.</summary>
    private static ulong EntryPoint(byte[] elf)
    {
        Assert.Equal("\u007fELF\u0002\u0001"u8.ToArray(), elf[..6]);
        Assert.Equal(183, BitConverter.ToUInt16(elf, 18));
        return BitConverter.ToUInt64(elf, 24);
    }
}
