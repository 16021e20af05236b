using System.Diagnostics;
using CloudVm.Hypervisor.Devices.Virtio;
using CloudVm.Hypervisor.Devices.Virtio.Balloon;
using CloudVm.Hypervisor.Devices.Virtio.Block;
using CloudVm.Hypervisor.Devices.Virtio.Console;
using CloudVm.Hypervisor.Devices.Virtio.Net;
using CloudVm.Hypervisor.Devices.Virtio.Rng;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

/// <summary>
/// Random register traffic and random, mostly nearly right virtqueues. Whatever comes, the device either works or stops with an event, is
/// itself again after a reset, and memory stays bounded. In the long form the devices share ten minutes.
/// </summary>
public sealed class VirtioFuzzTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Duration = FuzzTime.Of(1, parts: 5);

    public static TheoryData<string> Devices => ["block", "console", "rng", "balloon", "net"];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Nothing_that_a_driver_does_breaks_more_than_its_device(string device)
    {
        var random = new Random(FuzzTime.Seed(output));
        using var driver = new VirtioDriver(memory => Create(device, memory));
        var began = Stopwatch.GetTimestamp();
        var managedAtStart = GC.GetTotalMemory(forceFullCollection: true);
        long rounds = 0;
        long broken = 0;
        while (Stopwatch.GetElapsedTime(began) < Duration)
        {
            Round(driver, random);
            broken += driver.NeedsReset ? 1 : 0;
            Assert.DoesNotContain(driver.Events, e => e.Contains("it failed", StringComparison.Ordinal));
            driver.Events.Clear();
            rounds++;
        }

        output.WriteLine($"{rounds} rounds, {broken} ended with a stopped device");
        Assert.InRange(broken, 1, rounds - 1);
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - managedAtStart < 16 * 1024 * 1024);
        driver.Start();
        Assert.Equal(15, driver.Status);
    }

    private static VirtioDevice Create(string device, GuestMemory memory) => device switch
    {
        "block" => new VirtioBlock("fuzz", new MemoryDisk(1024 * 1024), memory),
        "console" => new VirtioConsole(memory),
        "rng" => new VirtioRng(memory, TimeProvider.System),
        "balloon" => new VirtioBalloon(memory),
        _ => new VirtioNet(MacAddress.Of(Guid.Empty), new EchoBackend(), memory),
    };

    private static void Round(VirtioDriver driver, Random random)
    {
        var features = driver.OfferedFeatures() & ((ulong)random.NextInt64() | VirtioDriver.Version1);
        driver.Start(features, 1 << random.Next(0, 5));
        for (var step = random.Next(1, 40); step > 0; step--)
        {
            switch (random.Next(12))
            {
                case 0:
                    driver.Transport.Write((ulong)random.Next(0, 0x80) * 4, 4, Word(random));
                    break;
                case 1:
                    var size = 1 << random.Next(4);
                    driver.Transport.Write((ulong)random.Next(0, 0x200 / size * size) / (ulong)size * (ulong)size, size, Word(random));
                    break;
                case 2:
                    driver.Transport.Read((ulong)random.Next(0, 0x80) * 4, 4);
                    break;
                case 3:
                    Corrupt(driver, random);
                    break;
                case 4:
                    SaveAndRestore(driver);
                    break;
                default:
                    Chain(driver, random);
                    break;
            }
        }

        driver.Transport.Hold();
        driver.Transport.Release();
    }

    /// <summary>Adds a chain that looks like a request, with a mistake now and then.</summary>
    private static void Chain(VirtioDriver driver, Random random)
    {
        driver.SelectQueue(0);
        var queue = random.Next(6);
        if (!driver.SelectQueue(queue))
            queue = 0;
        var ring = driver.Queue(queue);
        var parts = new (ulong, int, bool)[random.Next(1, Math.Min(5, ring.Size + 1))];
        var writableFrom = random.Next(parts.Length + 1);
        for (var i = 0; i < parts.Length; i++)
        {
            var length = random.Next(3) == 0 ? random.Next(1, 5000) : (int[])[1, 4, 8, 16, 20, 512, 4096] is var usual ? usual[random.Next(usual.Length)] : 0;
            var address = driver.Allocate(length);
            if (i == 0)
                driver.Memory.TryWrite(address, Content(random, length));
            parts[i] = (address, length, i >= writableFrom);
        }

        var head = ring.Add(parts);
        if (random.Next(12) == 0)
        {
            ring.SetDescriptor((head + random.Next(parts.Length)) % ring.Size, Address(random), Word(random), (ushort)random.Next(8),
                (ushort)random.Next(2 * ring.Size));
        }

        ring.Kick();
    }

    /// <summary>Small numbers where a header has its fields, so that requests get past the first checks.</summary>
    private static byte[] Content(Random random, int length)
    {
        var content = new byte[length];
        if (random.Next(4) == 0)
        {
            random.NextBytes(content);
            return content;
        }

        for (var i = 0; i < length; i += 4)
            content[i] = (byte)random.Next(16);
        return content;
    }

    private static void Corrupt(VirtioDriver driver, Random random)
    {
        var garbage = new byte[random.Next(1, 16)];
        random.NextBytes(garbage);
        driver.Memory.TryWrite(VirtioDriver.Ram + (ulong)random.Next(0, 6 * 0x1_0000 - 16), garbage);
        driver.SetRegister(0x50, (uint)random.Next(6));
    }

    private static void SaveAndRestore(VirtioDriver driver)
    {
        driver.Transport.Hold();
        try
        {
            driver.Restore(driver.Save());
        }
        catch (StateFormatException)
        {
            // Addresses that the driver wrote without using them may be impossible; then nothing was taken over.
        }
        finally
        {
            driver.Transport.Release();
        }
    }

    private static uint Word(Random random) => random.Next(3) switch
    {
        0 => (uint)random.Next(16),
        1 => (uint)Address(random),
        _ => (uint)random.NextInt64(),
    };

    private static ulong Address(Random random) =>
        random.Next(4) == 0 ? (ulong)random.NextInt64() : VirtioDriver.Ram + (ulong)random.Next(0, VirtioDriver.RamBytes + 4096);

    /// <summary>A network that sends every frame back.</summary>
    private sealed class EchoBackend : INetBackend
    {
        private byte[] _frame = [];

        public bool IsUp => true;

        public void Start(Action wake, Action<string> report)
        {
        }

        public bool CanSend() => _frame.Length == 0;

        public void Send(ReadOnlySpan<byte> frame) => _frame = frame.ToArray();

        public ReadOnlySpan<byte> PeekReceived() => _frame;

        public void DropReceived() => _frame = [];

        public void Dispose()
        {
        }
    }
}
