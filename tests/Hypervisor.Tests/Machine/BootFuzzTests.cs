using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Machine;

/// <summary>
/// Random and damaged files as kernel, initial RAM disk and device tree, from the definition to the running guest, which is often made
/// of random instructions. Every refusal is explained, the machine stays in control, and memory stays bounded.
/// </summary>
public sealed class BootFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int MemoryMiB = 16;
    private const int MaximumFile = 3 * 1024 * 1024;
    private const long MaximumGrowth = 300L * 1024 * 1024;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cloudvm-fuzz-");

    private string Kernel => Path.Combine(_folder.FullName, "kernel");

    private string Initrd => Path.Combine(_folder.FullName, "initrd");

    private string Tree => Path.Combine(_folder.FullName, "tree");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("kernel")]
    [InlineData("initrd")]
    [InlineData("tree")]
    public async Task No_boot_file_breaks_more_than_its_guest(string file)
    {
        var random = new Random(FuzzTime.Seed(output));
        var duration = FuzzTime.Of(1.5);
        var hello = await File.ReadAllBytesAsync(RepositoryRoot.Combine("images", "hello-sve", "hello-sve.elf"), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(Kernel, hello, TestContext.Current.CancellationToken);
        var (rounds, refused, ended) = (0, 0, 0);
        var residentAtStart = ResidentBytes();
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < duration; rounds++)
        {
            await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, file), Content(file, hello, random), TestContext.Current.CancellationToken);
            switch (await RoundAsync(file, random))
            {
                case null:
                    refused++;
                    break;
                case MachineState.Exited:
                    ended++;
                    break;
            }
        }

        output.WriteLine($"{file}: {rounds} rounds, {refused} refused, {ended} ended by themselves");
        Assert.True(rounds > 0);
        Assert.True(ResidentBytes() - residentAtStart < MaximumGrowth, $"{ResidentBytes() - residentAtStart} bytes more than at the start");
    }

    /// <summary>The state of the machine after a while, or null if it was refused.</summary>
    private async Task<MachineState?> RoundAsync(string file, Random random)
    {
        try
        {
            await using var machine = GuestMachine.Create(Definition(file), TimeProvider.System);
            machine.Start();
            await Task.WhenAny(machine.Ended, Task.Delay(random.Next(1, 40), TestContext.Current.CancellationToken));
            if (machine.State != MachineState.Exited)
            {
                machine.Pause();
                Assert.NotEmpty(machine.SaveState());
                machine.Resume();
            }

            if (machine.State == MachineState.Exited)
                Assert.NotEqual(MachineExitReason.Crashed, (await machine.Ended).Reason);
            return machine.State;
        }
        catch (MachineDefinitionException e)
        {
            Assert.NotEmpty(e.Reasons);
            Assert.All(e.Reasons, reason => Assert.True(reason.Detail.Length > 10, reason.Detail));
            return null;
        }
    }

    private MachineDefinition Definition(string file) => new()
    {
        VmId = Guid.CreateVersion7(),
        HostProfile = new HostProfileDefinition { Name = "max-pow2" },
        CpuCount = 2,
        MemoryMiB = MemoryMiB,
        Network = new NetworkDefinition { Backend = "none" },
        Boot = new BootSource { KernelPath = Kernel, InitrdPath = file == "initrd" ? Initrd : null, DtbPath = file == "tree" ? Tree : null },
    };

    private static byte[] Content(string file, byte[] elf, Random random)
    {
        var bytes = (file, random.Next(4)) switch
        {
            ("kernel", 0) => Damaged(elf, random),
            ("kernel", 1) => LinuxImage(random),
            ("kernel", 2) => Compressed(random.Next(2) == 0 ? elf : LinuxImage(random), random),
            ("tree", not 0) => Damaged(DeviceTree.Build(new DeviceTreeOptions([0, 1], [], MemoryMiB << 20, "console=ttyAMA0", (1, 2), [])), random),
            _ => RandomBytes(random.Next(random.Next(3) == 0 ? MaximumFile : 4096), random),
        };
        return random.Next(6) == 0 ? bytes[..random.Next(bytes.Length + 1)] : bytes;
    }

    private static byte[] Damaged(byte[] original, Random random)
    {
        var damaged = original.ToArray();
        for (var n = random.Next(1, 8); n > 0; n--)
            damaged[random.Next(random.Next(2) == 0 ? 64 : damaged.Length)] = (byte)random.Next(256);
        return damaged;
    }

    /// <summary>A header as the arm64 boot protocol describes it, with random sizes and offsets, and random instructions behind it.</summary>
    private static byte[] LinuxImage(Random random)
    {
        var image = RandomBytes(random.Next(64, 65536), random);
        BinaryPrimitives.WriteUInt32LittleEndian(image, 0x14000010); // b .+64
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), random.Next(3) == 0 ? (ulong)random.NextInt64() : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), random.Next(3) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(1 << 22));
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(24), (ulong)random.Next(16));
        "ARM\x64"u8.CopyTo(image.AsSpan(56));
        return image;
    }

    private static byte[] Compressed(byte[] content, Random random)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(content);
        return random.Next(2) == 0 ? packed.ToArray() : Damaged(packed.ToArray(), random);
    }

    private static byte[] RandomBytes(int length, Random random)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
