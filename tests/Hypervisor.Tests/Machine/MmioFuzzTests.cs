using System.Runtime.InteropServices;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Tests.Devices.Virtio;

namespace CloudVm.Hypervisor.Tests.Machine;

/// <summary>
/// A bare-metal guest that writes random values of random sizes into every device of the board, and reads them. The machine must stay
/// controllable and within its memory.
/// </summary>
public sealed class MmioFuzzTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>
    /// An endless loop, from the seed behind it: xorshift64; bits 6:3 choose a region of the table, others an offset within its mask; the
    /// value is random, small, an address in RAM or a single bit; one access in eight is a read, the writes have 1, 2, 4 or 8 bytes.
    /// </summary>
    private static ReadOnlySpan<uint> Program =>
    [
        0x10000655, 0xf94002b4, 0x10000656, 0xca143694, 0xca541e94, 0xca144694, 0xd3431a80, 0x8b0012c1, 0xa9400c22, 0x8a542064, 0xd284a8a5,
        0x9b057e85, 0xd37cf686, 0xb40001a6, 0xf10004df, 0x54000061, 0x92400ca5, 0x14000009, 0xf10008df, 0x540000a1, 0x927c3ca5, 0xf2a80205,
        0x92407ca5, 0x14000003, 0xd2800027, 0x9ac520e5, 0xf2400a9f, 0x54000260, 0xd378ea86, 0xf10004df, 0x54000100, 0xf10008df, 0x54000120,
        0xf1000cdf, 0x54000120, 0x927ef484, 0xb8246845, 0x17ffffde, 0x927df084, 0xf8246845, 0x17ffffdb, 0x38246845, 0x17ffffd9, 0x927ff884,
        0x78246845, 0x17ffffd6, 0x927ef484, 0xb8646845, 0x17ffffd3, 0xd503201f,
    ];

    private readonly string _kernel = Path.GetTempFileName();

    public void Dispose() => File.Delete(_kernel);

    [Fact]
    public async Task Random_accesses_to_all_devices_leave_the_machine_in_control()
    {
        var random = new Random(FuzzTime.Seed(output));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(FuzzTime.Of(3));
        var residentAtStart = ResidentBytes();
        ulong accesses = 0;
        while (!deadline.IsCancellationRequested)
            accesses += await RunAsync(random.NextInt64(1, long.MaxValue), deadline.Token);
        Assert.True(accesses > 1000);
        Assert.True(ResidentBytes() - residentAtStart < 300L * 1024 * 1024);
    }

    /// <summary>
    /// One machine until the time is over or its guest has ended: a device may write over the guest's code, and what that does then is its
    /// own affair. Returns its MMIO accesses.
    /// </summary>
    private async Task<ulong> RunAsync(long seed, CancellationToken deadline)
    {
        await File.WriteAllBytesAsync(_kernel, Image(seed), TestContext.Current.CancellationToken);
        await using var machine = GuestMachine.Create(Definition(), TimeProvider.System, new BoardDisk("fuzz", new MemoryDisk(1024 * 1024)));
        machine.Start();
        for (var round = 1; !deadline.IsCancellationRequested; round++)
        {
            await Task.WhenAny(machine.Ended, Task.Delay(500, deadline));
            if (machine.State == MachineState.Exited)
                break;
            Assert.True(machine.ReadStatus().RetiredInstructions > 0);
            machine.Pause();
            Assert.NotEmpty(machine.SaveState());
            machine.Resume();
            if (round % 4 == 0)
                machine.Reset();
        }

        if (machine.State == MachineState.Exited)
        {
            var exit = await machine.Ended;
            output.WriteLine($"{seed}: {exit.Reason}: {exit.Detail}");
            Assert.NotEqual(MachineExitReason.Crashed, exit.Reason);
        }

        var counters = machine.ReadCounters();
        output.WriteLine($"{seed}: {counters.RetiredInstructions} instructions, {counters.MmioAccesses} accesses, {machine.ReadDeviceEvents(0).Count} events");
        return counters.MmioAccesses;
    }

    private MachineDefinition Definition() => new()
    {
        VmId = Guid.CreateVersion7(),
        HostProfile = new HostProfileDefinition { Name = "max-pow2" },
        CpuCount = 1,
        MemoryMiB = 16,
        Network = new NetworkDefinition { Backend = "none" },
        Boot = new BootSource { KernelPath = _kernel },
    };

    private static byte[] Image(long seed)
    {
        (ulong Base, ulong Mask)[] virtio = [.. Enumerable.Range(0, 5).Select(slot => (MemoryMap.Virtio + (0x200ul * (ulong)slot), 0x1fful))];
        (ulong Base, ulong Mask)[] regions =
        [
            .. virtio, .. virtio, (MemoryMap.Virtio, 0xfff),
            (MemoryMap.GicDistributor, 0xffff), (MemoryMap.GicRedistributors, 0x1ffff),
            (MemoryMap.Uart, 0xfff), (MemoryMap.Rtc, 0xfff), (MemoryMap.Gpio, 0xfff),
        ];
        ulong[] table = [(ulong)seed, .. regions.SelectMany(region => (ulong[])[region.Base, region.Mask])];
        return [.. MemoryMarshal.AsBytes(Program), .. MemoryMarshal.AsBytes<ulong>(table)];
    }

    private static long ResidentBytes()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
