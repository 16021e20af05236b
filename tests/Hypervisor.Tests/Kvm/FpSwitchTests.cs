using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>
/// Ownership of FP and SVE registers: what traps, what is loaded and saved, and that no one's values are ever lost. The invariants of
/// <see cref="FpRegisters"/> are checked at every move meanwhile.
/// </summary>
public sealed class FpSwitchTests(ITestOutputHelper output)
{
    private const ulong Ram = 0x4000_0000;
    private const ulong Nothing = 0x9000_0000;
    private const ulong X0 = 0x6030000000100000;
    private const ulong X1 = 0x6030000000100002;
    private const ulong Pc = 0x6030000000100040;
    private const ulong Z0 = 0x6080000000150000;
    private const ulong Z1 = 0x6080000000150020;
    private const ulong V0 = 0x6040000000100054;
    private const ulong V1 = 0x6040000000100058;
    private const ulong Cpacr = 0x603000000013c082;
    private const ulong Zcr = 0x603000000013c090;
    private const ulong Esr = 0x603000000013c290;
    private const ulong Vbar = 0x603000000013c600;

    /// <summary>Each: x0 times the operation, then a store to nothing, which is an MMIO exit, and all over.</summary>
    private static readonly uint[] SveLoop = Loop(0x04210000); // add z0.b, z0.b, z1.b
    private static readonly uint[] SimdLoop = Loop(0x4e218400); // add v0.16b, v0.16b, v1.16b
    private static readonly uint[] IntegerLoop = Loop(0x91000442); // add x2, x2, #1

    public static TheoryData<string> Abis => [.. AbiProfile.All.Select(abi => abi.Name)];

    [Fact]
    public void TestsCheckTheInvariants() => Assert.True(FpRegisters.ChecksInvariants);

    [Theory]
    [MemberData(nameof(Abis))]
    public void AGuestWithoutFpCostsNoTrapAndNoMove(string abi)
    {
        using var rig = new Rig(abi, sve: true, vcpus: 1);
        rig.Vcpus[0].RunOnce(IntegerLoop, 1000);

        var counters = rig.Vcpus[0].Vcpu.Counters;
        Assert.Equal((0ul, 0ul, 0ul, 0ul), (counters.FpTraps, counters.SveTraps, counters.FpLoads, counters.FpSaves));
    }

    [Theory]
    [MemberData(nameof(Abis))]
    public void EachRunTrapsOnceHoweverOftenItUsesFp(string abi)
    {
        using var rig = new Rig(abi, sve: true, vcpus: 1);
        var guest = rig.Vcpus[0];
        for (var run = 0; run < 3; run++)
            guest.RunOnce(SveLoop, 1000);
        guest.RunOnce(SimdLoop, 1000); // plain FP loads the whole SVE state
        guest.CheckRegisters("at the end");

        var counters = guest.Vcpu.Counters;
        Assert.Equal((1ul, 3ul, 4ul, 4ul), (counters.FpTraps, counters.SveTraps, counters.FpLoads, counters.FpSaves));
        Assert.Equal(1ul, counters.VectorLengthChanges);
    }

    [Fact]
    public void AVcpuWithoutSveGetsUndefForItsInstructions()
    {
        using var rig = new Rig(AbiProfile.Linux612.Name, sve: false, vcpus: 1);
        var guest = rig.Vcpus[0];
        guest.RunOnce(SimdLoop, 10);
        guest.CheckRegisters("after SIMD");
        guest.Set(Vbar, Ram + Rig.VectorsAt);
        Assert.Equal(Errno.EINTR, guest.Complete());
        guest.Set(Pc, Ram + Rig.SveAt);
        Assert.Equal(Errno.Ok, guest.Vcpu.Run());

        Assert.Equal((KvmExitReason.Mmio, Nothing), (guest.Vcpu.RunState.ExitReason, guest.Vcpu.RunState.MmioAddress));
        Assert.Equal(0x0200_0000ul, guest.Get(Esr)); // EC 0: undefined
        Assert.Equal(1ul, guest.Vcpu.Counters.SveTraps);
        Assert.Equal(1ul, guest.Vcpu.Counters.FpLoads);
    }

    /// <summary>The monitor's own registers and flags survive whatever the guest does, and are not touched before the profile says so.</summary>
    [Theory]
    [MemberData(nameof(Abis))]
    public void TheMonitorsStateSurvivesRuns(string abi)
    {
        using var monitor = new HostTask { UsesSve = true, El0MayUseSve = true };
        using var rig = new Rig(abi, sve: true, vcpus: 1);
        var guest = rig.Vcpus[0];
        guest.Vcpu.Monitor = monitor;
        for (var n = 0; n < 32; n++)
            monitor.Z(n).Fill((byte)(n + 1));

        uint[][] loops = [IntegerLoop, SveLoop, SimdLoop, IntegerLoop];
        foreach (var (index, loop) in loops.Index())
        {
            (monitor.UsesSve, monitor.El0MayUseSve) = (index % 2 == 0, index < 2);
            guest.RunOnce(loop, 100);
            Assert.Equal((index % 2 == 0, index < 2), (monitor.UsesSve, monitor.El0MayUseSve));
            for (var n = 0; n < 32; n++)
                Assert.True(!monitor.Z(n).ContainsAnyExcept((byte)(n + 1)), $"Z{n} of the monitor after run {index}");
        }

        guest.CheckRegisters("at the end");
        monitor.Z(0).Clear(); // and is at rest, so the monitor may change it
    }

    [Fact]
    public void AUseByTheHostCostsOneMoreTrap()
    {
        using var rig = new Rig(AbiProfile.Linux612.Name, sve: true, vcpus: 1);
        var guest = rig.Vcpus[0];
        guest.RunOnce(SveLoop, 10);
        var before = guest.Vcpu.Counters.SveTraps;
        PhysicalCpu[] cpus = [.. rig.Host.Cpus];
        Request();
        guest.RunOnce(SveLoop, 10); // taken before the first entry, when the registers are nobody's
        Assert.Equal(before + 1, guest.Vcpu.Counters.SveTraps);

        // Within a run, at the ends of its slices.
        using (new Timer(_ => Request(), null, 0, 1))
            guest.RunOnce(SveLoop, 2_000_000);
        guest.CheckRegisters("after the host used FP");
        Assert.Equal(guest.Vcpu.Counters.FpLoads, guest.Vcpu.Counters.FpSaves);
        Assert.Equal(guest.Vcpu.Counters.FpLoads, guest.Vcpu.Counters.SveTraps);

        void Request()
        {
            foreach (var cpu in cpus)
                cpu.RequestFp();
        }
    }

    [Fact]
    public void VectorLengthChangesAreCountedWhereVcpusShareACpu()
    {
        using var rig = new Rig(AbiProfile.Linux612.Name, sve: true, vcpus: 2, cpus: 1);
        for (var turn = 0; turn < 4; turn++)
        {
            foreach (var guest in rig.Vcpus)
                guest.RunOnce(SveLoop, 10);
        }

        Assert.NotEqual(rig.Vcpus[0].Vcpu.VectorLengths, rig.Vcpus[1].Vcpu.VectorLengths);
        Assert.All(rig.Vcpus, guest => Assert.Equal(4ul, guest.Vcpu.Counters.VectorLengthChanges));
    }

    /// <summary>
    /// More vCPUs than CPUs, of VMs with and without SVE, each on a thread of its own, migrating, with registers read and written between
    /// runs and the host using FP in the middle: every vCPU has its own values at every exit.
    /// </summary>
    [Theory]
    [MemberData(nameof(Abis))]
    public async Task NoVcpuEverSeesAnothersRegisters(string abi)
    {
        const int Runs = 25;
        var seed = Environment.GetEnvironmentVariable("CLOUDVM_SEED") is { } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        using var rig = new Rig(abi, sve: true, vcpus: 3, cpus: 2);
        using var plain = new Rig(abi, sve: false, vcpus: 2, host: rig.Host);
        Guest[] guests = [.. rig.Vcpus, .. plain.Vcpus];
        using var stop = new CancellationTokenSource();
        var host = Task.Run(() => DisturbAsync(rig.Host, new Random(seed), stop.Token), CancellationToken.None);

        await Task.WhenAll(guests.Select((guest, index) => Task.Factory.StartNew(
            () => guest.RunRandomly(new Random(seed + index + 1), Runs, $"{abi}, seed {seed}, guest {index}"),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        await stop.CancelAsync();
        await host;

        Assert.All(guests, guest =>
        {
            var counters = guest.Vcpu.Counters;
            Assert.Equal(counters.FpLoads, counters.FpSaves);
            Assert.Equal(counters.FpLoads, counters.FpTraps + counters.SveTraps);
        });
    }

    private static async Task DisturbAsync(EmulatedHost host, Random random, CancellationToken cancelled)
    {
        while (!cancelled.IsCancellationRequested)
        {
            host.Cpus[random.Next(host.Cpus.Count)].RequestFp();
            if (random.Next(4) == 0)
                host.Release(host.Acquire(null)); // somebody else has a CPU for a moment, so its vCPU goes elsewhere
            await Task.Delay(TimeSpan.FromMilliseconds(1), CancellationToken.None);
        }
    }

    private static uint[] Loop(uint operation) =>
        [operation, 0xf1000400, 0x54ffffc1, 0xf9000020, 0x17fffffc]; // op; subs x0, x0, #1; b.ne op; str x0, [x1]; b op

    /// <summary>A VM whose memory holds the loops.</summary>
    private sealed class Rig : IDisposable
    {
        public const ulong SveAt = 0x1000;
        public const ulong SimdAt = 0x2000;
        public const ulong IntegerAt = 0x3000;
        public const ulong VectorsAt = 0x4000;

        /// <summary>From EL1 with SP_EL1, synchronous.</summary>
        private const ulong VectorOfEl1h = 0x200;

        private readonly bool _ownsHost;
        private readonly Hypervisor.Memory.GuestMemory _memory = new(Ram, 1 << 20);
        private readonly KvmVm _vm;

        public Rig(string abi, bool sve, int vcpus, int cpus = 2, EmulatedHost? host = null)
        {
            _ownsHost = host is null;
            Host = host ?? new EmulatedHost(new HostProfile("test", [.. Enumerable.Repeat(new HostCpuProfile(VqSet.Of(1, 2, 4), 0x000f0510), cpus)]));
            _vm = new KvmSystem(Host, AbiProfile.Find(abi)!, EngineFeatures.Implemented).CreateVm(_memory, vcpus, TimeProvider.System);
            Put(SveAt, SveLoop);
            Put(SimdAt, SimdLoop);
            Put(IntegerAt, IntegerLoop);
            Put(VectorsAt + VectorOfEl1h, [0xf9000020]); // str x0, [x1]
            Vcpus = [.. Enumerable.Range(0, vcpus).Select(id => new Guest(_vm, id, sve))];
        }

        public EmulatedHost Host { get; }

        public Guest[] Vcpus { get; }

        public void Dispose()
        {
            _vm.Dispose();
            _memory.Dispose();
            if (_ownsHost)
                Host.Dispose();
        }

        private void Put(ulong at, uint[] code) => Assert.True(_memory.TryWrite(Ram + at, MemoryMarshal.AsBytes(code.AsSpan())));
    }

    /// <summary>A vCPU and what its Z0 and Z1 must hold.</summary>
    private sealed class Guest
    {
        private readonly byte[] _z0 = new byte[64];
        private readonly byte[] _z1 = new byte[64];
        private readonly bool _sve;
        private int _bytes;

        public Guest(KvmVm vm, int id, bool sve)
        {
            _sve = sve;
            Assert.Equal(Errno.Ok, vm.CreateVcpu(id, out var vcpu));
            Vcpu = vcpu!;
            Assert.Equal(Errno.Ok, Vcpu.Init(KvmSystem.GenericTarget, sve ? 0x10u : 0));
            if (sve && vm.Abi.NeedsFinalize)
            {
                // Every other vCPU has a shorter maximum.
                var lengths = new byte[64];
                lengths[0] = (byte)(id % 2 == 0 ? 0b1011 : 0b11);
                Assert.Equal(Errno.Ok, Vcpu.SetOneReg(RegisterId.SveVls, lengths));
                Assert.Equal(Errno.Ok, Vcpu.FinalizeFeature(4));
            }

            Set(Cpacr, 0x330000);
            Set(X1, Nothing);
            if (sve)
                Set(Zcr, 15);
            _bytes = sve ? Vcpu.VectorLengths.Max * 16 : 16;
            Write(new Random(id));
        }

        public KvmVcpu Vcpu { get; }

        public void Set(ulong id, ulong value)
        {
            var bytes = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            Assert.Equal(Errno.Ok, Vcpu.SetOneReg(id, bytes));
        }

        public ulong Get(ulong id)
        {
            var bytes = new byte[8];
            Assert.Equal(Errno.Ok, Vcpu.GetOneReg(id, bytes));
            return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        }

        /// <summary>Completes a pending MMIO access without an entry.</summary>
        public Errno Complete()
        {
            Vcpu.RunState.ImmediateExit = true;
            var result = Vcpu.Run();
            Vcpu.RunState.ImmediateExit = false;
            return result;
        }

        /// <summary>Runs a loop some times, to its MMIO exit.</summary>
        public void RunOnce(uint[] loop, int times)
        {
            CompletePending();
            Set(X0, (ulong)times);
            Set(Pc, Ram + (loop == SveLoop ? Rig.SveAt : loop == SimdLoop ? Rig.SimdAt : Rig.IntegerAt));
            Assert.Equal(Errno.Ok, Vcpu.Run());
            Assert.Equal((KvmExitReason.Mmio, Nothing), (Vcpu.RunState.ExitReason, Vcpu.RunState.MmioAddress));
            if (loop == IntegerLoop)
                return;
            var length = loop == SveLoop ? _bytes : 16;
            for (var i = 0; i < _z0.Length; i++)
                _z0[i] = i < length ? (byte)(_z0[i] + (_z1[i] * times)) : (byte)0;
            Array.Clear(_z1, _bytes, _z1.Length - _bytes); // this host forgets what a shorter length hides
        }

        public void RunRandomly(Random random, int runs, string where)
        {
            for (var run = 0; run < runs; run++)
            {
                if (random.Next(3) == 0)
                    Write(random);
                if (_sve && random.Next(3) == 0)
                    SelectLength(random.Next(16));
                RunOnce(random.Next(4) switch { 0 => IntegerLoop, 1 => SimdLoop, _ => _sve ? SveLoop : SimdLoop }, random.Next(1, 20_000));
                CheckRegisters($"{where}, run {run}");
            }
        }

        public void CheckRegisters(string where)
        {
            Assert.True(Read(_sve ? Z0 : V0).AsSpan().SequenceEqual(_z0.AsSpan(0, Kept)), $"Z0: {where}");
            Assert.True(Read(_sve ? Z1 : V1).AsSpan().SequenceEqual(_z1.AsSpan(0, Kept)), $"Z1: {where}");
        }

        /// <summary>Bytes that the vCPU keeps of a register.</summary>
        private int Kept => _sve ? Vcpu.VectorLengths.Max * 16 : 16;

        private void SelectLength(int len)
        {
            CompletePending();
            Set(Zcr, (ulong)len);
            _bytes = Vcpu.VectorLengths.LargestAtMost(len + 1) * 16;
        }

        private void Write(Random random)
        {
            Array.Clear(_z0);
            Array.Clear(_z1);
            random.NextBytes(_z0.AsSpan(0, Kept));
            random.NextBytes(_z1.AsSpan(0, Kept));
            SetVector(_sve ? Z0 : V0, _z0);
            SetVector(_sve ? Z1 : V1, _z1);
        }

        private void SetVector(ulong id, byte[] value)
        {
            var bytes = new byte[RegisterId.SizeOf(id)];
            value.AsSpan(0, Kept).CopyTo(bytes);
            Assert.Equal(Errno.Ok, Vcpu.SetOneReg(id, bytes));
        }

        private byte[] Read(ulong id)
        {
            var bytes = new byte[RegisterId.SizeOf(id)];
            Assert.Equal(Errno.Ok, Vcpu.GetOneReg(id, bytes));
            Assert.True(!bytes.AsSpan(Kept).ContainsAnyExcept((byte)0));
            return bytes[..Kept];
        }

        private void CompletePending()
        {
            if (Vcpu.HasPendingMmio)
                Assert.Equal(Errno.EINTR, Complete());
        }
    }
}
