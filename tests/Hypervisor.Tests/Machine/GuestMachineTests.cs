using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;
using CloudVm.Hypervisor.Tests.Guests;

namespace CloudVm.Hypervisor.Tests.Machine;

/// <summary>Whole machines running hello-sve.</summary>
public sealed class GuestMachineTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("max-pow2", null, 2048)]
    [InlineData("max-pow2", 512, 512)]
    [InlineData("a64fx", 256, 256)]
    [InlineData("mixed-cluster", null, 256)]
    public async Task SveGuestFindsItsVectorLengths(string profile, int? maxBits, int expected)
    {
        await using var machine = GuestMachine.Create(Definition(profile, maxBits), TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();

        await console.WaitForAsync("SVE present");
        await console.WaitForAsync($"VL LEN=15 bits={expected}");

        var counters = machine.ReadCounters().Vcpus[0];
        Assert.True(counters.SveTraps > 0);
        Assert.True(counters.FpLoads > 0);
    }

    [Fact]
    public async Task GuestWithoutSveSeesItAbsentAndItsUseUndefined()
    {
        await using var machine = GuestMachine.Create(Definition("neoverse-n1", null) with { SveEnabled = false }, TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();

        await console.WaitForAsync("SVE absent");
    }

    [Fact]
    public async Task SveIsAbsentForAVcpuWithoutItOnAnSveHost()
    {
        await using var machine = GuestMachine.Create(Definition("a64fx", null) with { SveEnabled = false }, TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();

        await console.WaitForAsync("SVE absent");
    }

    [Fact]
    public async Task PromptAnswersAndPowersOff()
    {
        await using var machine = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();
        await console.WaitForAsync("> ");
        console.Type("vl 256");
        await console.WaitForAsync("> ");
        console.Type("off");

        var exit = await machine.Ended.WaitAsync(Patience, TestContext.Current.CancellationToken);

        Assert.Equal(MachineExitReason.GuestOff, exit.Reason);
        Assert.Equal(MachineState.Exited, machine.State);
    }

    [Fact]
    public async Task GuestResetBootsAgain()
    {
        await using var machine = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();
        await console.WaitForAsync("> ");
        console.Type("reset");
        await console.WaitForAsync("hello-sve: a bare-metal Arm guest");
        await console.WaitForAsync("> ");

        Assert.Equal(1, machine.ReadStatus().Resets);
        Assert.Equal(MachineState.Running, machine.State);
    }

    [Fact]
    public async Task PausedMachineStandsStill()
    {
        await using var machine = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();
        await console.WaitForAsync("> ");

        machine.Pause();
        var before = machine.ReadStatus();
        await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equivalent(before, machine.ReadStatus(), strict: true);

        machine.Resume();
        console.Type("ticks");
        await console.WaitForAsync("> ");
        Assert.True(machine.ReadStatus().VirtualTimeMs >= before.VirtualTimeMs);
        Assert.Throws<MachineStateException>(machine.SaveState);
    }

    [Fact]
    public async Task SavedMachineGoesOnElsewhereWithItsScrollback()
    {
        await using var first = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        var console = new MachineConsole(first);
        first.Start();
        await console.WaitForAsync("> ");
        first.Pause();
        var state = first.SaveState();
        var memory = ReadChunks(first);
        Assert.NotEmpty(memory);

        await using var second = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        Restore(second, memory, state);
        Assert.Equal(first.Console.End, second.Console.End);
        Assert.Equal(state, second.SaveState());

        var replay = new MachineConsole(second);
        second.Resume();
        await replay.WaitForAsync("> ");
        Assert.Contains("SVE present", replay.Text, StringComparison.Ordinal);
        replay.Type("vl 128");
        await replay.WaitForAsync("> ");
    }

    [Fact]
    public async Task RestoringInPlaceTakesTheMachineBack()
    {
        await using var machine = GuestMachine.Create(Definition("max-pow2", 512), TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();
        await console.WaitForAsync("> ");
        machine.Pause();
        var state = machine.SaveState();
        var memory = ReadChunks(machine);
        machine.Resume();
        console.Type("help");
        await console.WaitForAsync("> ");
        var printed = machine.Console.End;

        Restore(machine, memory, state);

        Assert.True(machine.Console.End < printed);
        machine.Resume();
        console.Type("help");
        await console.WaitForAsync("help");
        Assert.Equal(MachineState.Running, machine.State);
    }

    [Fact]
    public async Task StateOfAnotherVectorLengthSetIsRefusedWithTheReason()
    {
        await using var first = GuestMachine.Create(Definition("max-pow2", 512), TimeProvider.System);
        first.Start();
        first.Pause();
        var state = first.SaveState();
        await using var second = GuestMachine.Create(Definition("max-pow2", 256), TimeProvider.System);
        second.BeginRestore();

        var e = Assert.Throws<StateFormatException>(() => second.RestoreState(state));

        Assert.True(e.Incompatible);
        Assert.Contains(e.Reasons, r => r.Contains("{128 256 512}", StringComparison.Ordinal) && r.Contains("{128 256}", StringComparison.Ordinal));
        Assert.Equal(MachineState.Restoring, second.State);
    }

    [Fact]
    public async Task EveryFlippedByteOfAStateIsNoticed()
    {
        await using var machine = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        machine.Start();
        machine.Pause();
        var state = machine.SaveState();
        machine.BeginRestore();
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var i = 0; i < 200; i++)
        {
            var damaged = (byte[])state.Clone();
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            Assert.Throws<StateFormatException>(() => machine.RestoreState(damaged));
            Assert.Throws<StateFormatException>(() => machine.RestoreState(state.AsMemory(0, random.Next(state.Length))));
        }

        machine.RestoreState(state);
        Assert.Equal(MachineState.Paused, machine.State);
    }

    [Fact]
    public async Task ResetOfAMachineReturnsItsMemoryToBoot()
    {
        await using var machine = GuestMachine.Create(Definition("a64fx", null), TimeProvider.System);
        var console = new MachineConsole(machine);
        machine.Start();
        await console.WaitForAsync("> ");
        machine.Pause();
        machine.Memory.TryWrite(machine.Memory.Base + (ulong)machine.Memory.Size - 8, new byte[] { 1, 2, 3, 4 });

        machine.Reset();

        Assert.Equal(MachineState.Paused, machine.State);
        Assert.False(machine.Memory.IsChunkTouched(machine.Memory.ChunkCount - 1));
        machine.Resume();
        await console.WaitForAsync("hello-sve: a bare-metal Arm guest");
    }

    [Fact]
    public void MissingFilesAreNamedAllAtOnce()
    {
        var definition = Definition("a64fx", null);
        definition = definition with { Boot = new BootSource { KernelPath = "/nonexistent/kernel", InitrdPath = "/nonexistent/initrd" } };

        var e = Assert.Throws<MachineDefinitionException>(() => GuestMachine.Create(definition, TimeProvider.System));

        Assert.Equal(2, e.Reasons.Count);
    }

    private static Dictionary<int, byte[]> ReadChunks(GuestMachine machine)
    {
        var chunks = new Dictionary<int, byte[]>();
        for (var chunk = 0; chunk < machine.Memory.ChunkCount; chunk++)
        {
            if (!machine.Memory.IsChunkTouched(chunk))
                continue;
            var data = new byte[GuestMemory.ChunkSize];
            Assert.True(machine.Memory.TryRead(machine.Memory.Base + ((ulong)chunk * GuestMemory.ChunkSize), data));
            chunks.Add(chunk, data);
        }

        return chunks;
    }

    private static void Restore(GuestMachine machine, Dictionary<int, byte[]> chunks, byte[] state)
    {
        machine.BeginRestore();
        foreach (var (chunk, data) in chunks)
            Assert.True(machine.Memory.TryWrite(machine.Memory.Base + ((ulong)chunk * GuestMemory.ChunkSize), data));
        machine.RestoreState(state);
    }

    private static MachineDefinition Definition(string profile, int? maxBits) => new()
    {
        VmId = Guid.CreateVersion7(),
        HostProfile = new HostProfileDefinition { Name = profile },
        CpuCount = 1,
        MemoryMiB = 64,
        SveEnabled = true,
        VectorLengthsBits = maxBits is null ? null : [.. new[] { 128, 256, 512, 1024, 2048 }.Where(bits => bits <= maxBits)],
        Boot = new BootSource { KernelPath = HelloSveImage.CommittedPath },
    };
}
