using System.Text;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Memory;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Machine;

public sealed class CustomDeviceTreeTests
{
    private const long Ram = 64 << 20;

    private static byte[] Sample => DeviceTree.Build(new DeviceTreeOptions([0, 1], [], 32 << 20, "old arguments", (1, 2), []));

    [Fact]
    public void MemoryCommandLineAndInitrdAreTheMachines()
    {
        var blob = CustomDeviceTree.Complete(Sample, Ram, "console=ttyAMA0", (0x4800_0000, 0x4810_0000));

        var root = FdtDocument.Parse(blob).Root;
        var memory = Assert.Single(root.Children, n => n.Name.StartsWith("memory", StringComparison.Ordinal));
        Assert.Equal("0000000040000000" + "0000000004000000", Convert.ToHexString(memory.Find("reg")!));
        var chosen = Assert.Single(root.Children, n => n.Name == "chosen");
        Assert.Equal("console=ttyAMA0\0", Encoding.UTF8.GetString(chosen.Find("bootargs")!));
        Assert.Equal("0000000048100000", Convert.ToHexString(chosen.Find("linux,initrd-end")!));
        Assert.Equal("linux,dummy-virt\0", Encoding.UTF8.GetString(root.Find("compatible")!));
        var cpus = Assert.Single(root.Children, n => n.Name == "cpus");
        Assert.Equal(2, cpus.Children.Count);
    }

    [Fact]
    public void OwnersCommandLineStaysWhereTheVmGivesNoneAndStaleInitrdGoes()
    {
        var root = FdtDocument.Parse(CustomDeviceTree.Complete(Sample, Ram, commandLine: null, initrd: null)).Root;

        var chosen = Assert.Single(root.Children, n => n.Name == "chosen");
        Assert.Equal("old arguments\0", Encoding.UTF8.GetString(chosen.Find("bootargs")!));
        Assert.Null(chosen.Find("linux,initrd-start"));
    }

    [Fact]
    public void ReservedMemoryIsKept()
    {
        var writer = new FdtWriter().Begin("").End();
        var blob = writer.ToBlob((0x4000_0000ul, 0x1000ul), (0x5000_0000ul, 0x2000ul));

        var completed = FdtDocument.Parse(CustomDeviceTree.Complete(blob, Ram, null, null));

        Assert.Equal([(0x4000_0000ul, 0x1000ul), (0x5000_0000ul, 0x2000ul)], completed.Reservations);
        Assert.Equal("0000000040000000" + "04000000", Convert.ToHexString(completed.Root.Children[0].Find("reg")!)); // the standard cells: 2 and 1
    }

    [Fact]
    public void DamagedTreesAreRefusedAndNeverCrash()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var original = Sample;
        var refused = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var damaged = (byte[])original.Clone();
            for (var n = random.Next(1, 8); n > 0; n--)
                damaged[random.Next(random.Next(2) == 0 ? 64 : damaged.Length)] = (byte)random.Next(256);
            try
            {
                CustomDeviceTree.Complete(damaged.AsSpan(0, random.Next(4) == 0 ? random.Next(damaged.Length) : damaged.Length), Ram, "x", (1, 2));
            }
            catch (BootException e)
            {
                refused++;
                Assert.NotEmpty(e.Reasons);
            }
        }

        Assert.InRange(refused, 1_000, 20_000);
    }

    [Fact]
    public void DeepAndEndlessTreesAreRefused()
    {
        var deep = new FdtWriter();
        for (var i = 0; i < 100; i++)
            deep.Begin(i == 0 ? "" : "n");
        for (var i = 0; i < 100; i++)
            deep.End();
        var wide = new FdtWriter().Begin("");
        for (var i = 0; i < 50_000; i++)
            wide.Begin("n").End();
        var huge = new byte[FdtDocument.MaxBytes + 1];

        Assert.Throws<BootException>(() => FdtDocument.Parse(deep.ToBlob()));
        Assert.Throws<BootException>(() => FdtDocument.Parse(wide.End().ToBlob()));
        Assert.Throws<BootException>(() => FdtDocument.Parse(huge));
        Assert.Throws<BootException>(() => FdtDocument.Parse([]));
    }

    [Fact]
    public void EveryBootFilesFaultsAreNamedTogether()
    {
        using var memory = new GuestMemory(MemoryMap.Ram, Ram);
        var folder = Directory.CreateTempSubdirectory("cvm-boot-").FullName;
        try
        {
            var kernel = Path.Combine(folder, "kernel");
            var tree = Path.Combine(folder, "tree");
            var initrd = Path.Combine(folder, "initrd");
            var elf = File.ReadAllBytes(RepositoryRoot.Combine("images", "hello-sve", "hello-sve.elf"));
            elf[18] = 62;
            File.WriteAllBytes(kernel, elf);
            File.WriteAllBytes(tree, [1, 2, 3]);
            using (var file = File.Create(initrd))
                file.SetLength(Ram + 1);

            var refusal = Assert.Throws<BootException>(() => BootLoader.Load(
                new BootSource { KernelPath = kernel, DtbPath = tree, InitrdPath = initrd }, memory, [0], []));

            Assert.Contains(refusal.Reasons, r => r.Contains("machine 62", StringComparison.Ordinal));
            Assert.Contains(refusal.Reasons, r => r.Contains("not a flattened device tree", StringComparison.Ordinal));
            Assert.Contains(refusal.Reasons, r => r.Contains("initial RAM disk", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
