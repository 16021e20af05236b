using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Gic;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Gic;

public sealed class GicV3Tests
{
    private const int Timer = 27;
    private const int Uart = 33;

    private readonly bool[] _irq = new bool[20];
    private readonly bool[] _fiq = new bool[20];
    private readonly GicV3 _gic;

    public GicV3Tests()
    {
        _gic = new GicV3(_irq.Length, (cpu, irq, fiq) => (_irq[cpu], _fiq[cpu]) = (irq, fiq));
        _gic.Distributor.Write(0, 4, 2);
        for (var cpu = 0; cpu < _irq.Length; cpu++)
        {
            Sgi(cpu, 0x80, uint.MaxValue); // all in group 1
            _gic.TryWrite(cpu, SystemRegister.ICC_PMR_EL1, 0xff);
            _gic.TryWrite(cpu, SystemRegister.ICC_IGRPEN1_EL1, 1);
        }
    }

    [Fact]
    public void LevelInterruptComesBackUntilItsSourceIsServed()
    {
        EnablePrivate(0, Timer, priority: 0xa0);
        _gic.SetPpi(0, Timer, true);
        Assert.True(_irq[0]);

        Assert.Equal(Timer, Acknowledge(0));
        Assert.False(_irq[0]);
        Assert.Equal(GicV3.Spurious, Acknowledge(0));
        EndOfInterrupt(0, Timer);
        Assert.True(_irq[0]);

        Assert.Equal(Timer, Acknowledge(0));
        _gic.SetPpi(0, Timer, false);
        EndOfInterrupt(0, Timer);
        Assert.False(_irq[0]);
        Assert.Equal(2ul, _gic.Delivered);
    }

    [Fact]
    public void EdgeInterruptIsDeliveredOncePerEdge()
    {
        EnableShared(Uart, priority: 0xa0);
        _gic.Distributor.Write(0xc08, 4, 2u << 2); // INTID 33: edge
        _gic.SetSpi(Uart, true);
        Assert.Equal(Uart, Acknowledge(0));
        EndOfInterrupt(0, Uart);
        Assert.False(_irq[0]);
        _gic.SetSpi(Uart, false);
        _gic.SetSpi(Uart, true);
        Assert.True(_irq[0]);
    }

    [Fact]
    public void HigherPriorityPreemptsAndRunningPriorityFollows()
    {
        EnablePrivate(0, Timer, priority: 0xa0);
        EnableShared(Uart, priority: 0x80);
        _gic.SetPpi(0, Timer, true);
        Assert.Equal(Timer, Acknowledge(0));
        Assert.Equal(0xa0ul, Read(0, SystemRegister.ICC_RPR_EL1));
        _gic.SetSpi(Uart, true);
        Assert.True(_irq[0]);
        Assert.Equal(Uart, Acknowledge(0));
        Assert.Equal(0x80ul, Read(0, SystemRegister.ICC_RPR_EL1));
        EndOfInterrupt(0, Uart);
        EndOfInterrupt(0, Timer);
        Assert.Equal(0xfful, Read(0, SystemRegister.ICC_RPR_EL1));
    }

    [Fact]
    public void EqualPriorityDoesNotPreempt()
    {
        EnablePrivate(0, Timer, priority: 0xa0);
        EnableShared(Uart, priority: 0xa0);
        _gic.SetPpi(0, Timer, true);
        Acknowledge(0);
        _gic.SetSpi(Uart, true);
        Assert.False(_irq[0]);
        _gic.SetPpi(0, Timer, false);
        EndOfInterrupt(0, Timer);
        Assert.True(_irq[0]);
    }

    [Fact]
    public void MaskedPrioritiesAndDisabledInterruptsAreNotSignalled()
    {
        EnablePrivate(0, Timer, priority: 0xa0);
        _gic.TryWrite(0, SystemRegister.ICC_PMR_EL1, 0xa0);
        _gic.SetPpi(0, Timer, true);
        Assert.False(_irq[0]);
        _gic.TryWrite(0, SystemRegister.ICC_PMR_EL1, 0xa8);
        Assert.True(_irq[0]);
        Sgi(0, 0x180, 1u << Timer);
        Assert.False(_irq[0]);
        Assert.Equal(1u << Timer, (uint)_gic.Redistributors.Read(0x1_0200, 4));
    }

    [Fact]
    public void SplitModeDropsPriorityFirstAndDeactivatesLater()
    {
        EnablePrivate(0, Timer, priority: 0xa0);
        _gic.TryWrite(0, SystemRegister.ICC_CTLR_EL1, 2);
        _gic.SetPpi(0, Timer, true);
        Acknowledge(0);
        EndOfInterrupt(0, Timer);
        Assert.Equal(0xfful, Read(0, SystemRegister.ICC_RPR_EL1));
        Assert.False(_irq[0]);
        _gic.TryWrite(0, SystemRegister.ICC_DIR_EL1, Timer);
        Assert.True(_irq[0]);
    }

    [Fact]
    public void SharedInterruptsGoWhereTheyAreRouted()
    {
        EnableShared(Uart, priority: 0xa0);
        _gic.Distributor.Write(0x6000 + (8 * Uart), 8, 0x101); // affinity 0.0.1.1: PE 17
        _gic.SetSpi(Uart, true);
        Assert.False(_irq[0]);
        Assert.True(_irq[17]);
        _gic.Distributor.Write(0x6000 + (8 * Uart), 8, 0xffff); // no such PE
        Assert.DoesNotContain(true, _irq);
    }

    [Fact]
    public void SoftwareInterruptsReachTheirTargets()
    {
        for (var cpu = 0; cpu < _irq.Length; cpu++)
            EnablePrivate(cpu, 5, priority: 0x40);
        _gic.TryWrite(3, SystemRegister.ICC_SGI1R_EL1, (5ul << 24) | (1ul << 16) | 0b110); // Aff1 = 1, PEs 17 and 18
        Assert.Equal([17, 18], Raised());
        Assert.Equal(5, Acknowledge(17));
        _gic.TryWrite(3, SystemRegister.ICC_SGI1R_EL1, (5ul << 24) | (1ul << 40)); // all others
        Assert.Equal(18, Raised().Count);
        Assert.False(_irq[3]);
    }

    [Fact]
    public void GroupZeroInterruptsAreFiqsAndHaveTheirOwnRegisters()
    {
        _gic.Distributor.Write(0, 4, 3);
        _gic.TryWrite(0, SystemRegister.ICC_IGRPEN0_EL1, 1);
        EnablePrivate(0, Timer, priority: 0x80);
        Sgi(0, 0x80, ~(1u << Timer));
        _gic.SetPpi(0, Timer, true);
        Assert.True(_fiq[0]);
        Assert.False(_irq[0]);
        Assert.Equal(GicV3.Spurious, Acknowledge(0));
        Assert.Equal((ulong)GicV3.Spurious, Read(0, SystemRegister.ICC_HPPIR1_EL1));
        Assert.Equal((ulong)Timer, Read(0, SystemRegister.ICC_HPPIR0_EL1));
        Assert.Equal((ulong)Timer, Read(0, SystemRegister.ICC_IAR0_EL1));
        Assert.Equal(1ul << (0x80 >> 3), Read(0, SystemRegister.ICC_AP0R0_EL1));
        Assert.Equal(0ul, Read(0, SystemRegister.ICC_AP1R0_EL1));
        _gic.SetPpi(0, Timer, false);
        EndOfInterrupt(0, Timer); // the wrong group's register
        Assert.Equal(0x80ul, Read(0, SystemRegister.ICC_RPR_EL1));
        _gic.TryWrite(0, SystemRegister.ICC_EOIR0_EL1, Timer);
        Assert.Equal(0xfful, Read(0, SystemRegister.ICC_RPR_EL1));
        Assert.Equal(0u, (uint)_gic.Redistributors.Read(0x1_0300, 4));
    }

    [Fact]
    public void OnlyTheGroupOneRegisterReachesGroupOneSgis()
    {
        EnablePrivate(1, 3, priority: 0x40);
        const ulong ToCpu1 = (3ul << 24) | 0b10;
        _gic.TryWrite(0, SystemRegister.ICC_SGI0R_EL1, ToCpu1);
        _gic.TryWrite(0, SystemRegister.ICC_ASGI1R_EL1, ToCpu1);
        Assert.False(_irq[1]);
        _gic.TryWrite(0, SystemRegister.ICC_SGI1R_EL1, ToCpu1);
        Assert.True(_irq[1]);
    }

    [Theory]
    [InlineData(0, 0x80, 0x88, true)]
    [InlineData(4, 0x80, 0x88, false)] // bits 7:5 preempt
    [InlineData(4, 0x80, 0xa0, true)]
    [InlineData(7, 0x00, 0x7f, false)] // bit 7 preempts
    [InlineData(7, 0x00, 0x80, true)]
    public void BinaryPointDecidesWhatPreempts(int binaryPoint, int urgent, int running, bool preempts)
    {
        _gic.TryWrite(0, SystemRegister.ICC_BPR1_EL1, (ulong)binaryPoint);
        EnablePrivate(0, Timer, (byte)running);
        EnableShared(Uart, (byte)urgent);
        _gic.SetPpi(0, Timer, true);
        Assert.Equal(Timer, Acknowledge(0));
        _gic.SetSpi(Uart, true);
        Assert.Equal(preempts, _irq[0]);
    }

    [Fact]
    public void CommonBinaryPointServesBothGroups()
    {
        _gic.TryWrite(0, SystemRegister.ICC_BPR0_EL1, 0);
        Assert.Equal(2ul, Read(0, SystemRegister.ICC_BPR0_EL1));
        _gic.TryWrite(0, SystemRegister.ICC_BPR0_EL1, 5);
        _gic.TryWrite(0, SystemRegister.ICC_CTLR_EL1, 1);
        Assert.Equal(6ul, Read(0, SystemRegister.ICC_BPR1_EL1));
        _gic.TryWrite(0, SystemRegister.ICC_BPR1_EL1, 4);
        Assert.Equal(6ul, Read(0, SystemRegister.ICC_BPR1_EL1));
        _gic.TryWrite(0, SystemRegister.ICC_CTLR_EL1, 0);
        Assert.Equal(3ul, Read(0, SystemRegister.ICC_BPR1_EL1));
    }

    [Fact]
    public void PendingAndActiveStateCanBeWritten()
    {
        EnableShared(Uart, priority: 0xa0);
        _gic.Distributor.Write(0x204, 4, 1u << 1);
        Assert.True(_irq[0]); // a level-sensitive interrupt made pending by software
        _gic.Distributor.Write(0x284, 4, 1u << 1);
        Assert.False(_irq[0]);
        _gic.SetSpi(Uart, true);
        _gic.Distributor.Write(0x284, 4, 1u << 1);
        Assert.True(_irq[0]); // its line still says so
        _gic.Distributor.Write(0x304, 4, 1u << 1);
        Assert.False(_irq[0]); // active and pending
        _gic.Distributor.Write(0x384, 4, 1u << 1);
        Assert.True(_irq[0]);
    }

    [Fact]
    public void EdgeWhileActiveIsRemembered()
    {
        EnableShared(Uart, priority: 0xa0);
        _gic.Distributor.Write(0xc08, 4, 2u << 2);
        _gic.SetSpi(Uart, true);
        Assert.Equal(Uart, Acknowledge(0));
        _gic.SetSpi(Uart, false);
        _gic.SetSpi(Uart, true);
        Assert.False(_irq[0]);
        EndOfInterrupt(0, Uart);
        Assert.True(_irq[0]);
        Assert.Equal(Uart, Acknowledge(0));
        EndOfInterrupt(0, Uart);
        Assert.False(_irq[0]);
    }

    [Fact]
    public void OneOfManyRoutingPicksOnePeThatTakesPart()
    {
        for (var cpu = 0; cpu < _irq.Length; cpu++)
            _gic.Redistributors.Write(((ulong)cpu * GicV3.RedistributorBytes) + 0x14, 4, cpu is 4 or 7 ? 0u : 2u);
        EnableShared(Uart, priority: 0x80);
        EnablePrivate(4, Timer, priority: 0xa0);
        _gic.Distributor.Write(0x6000 + (8 * Uart), 8, 1ul << 31);
        _gic.SetSpi(Uart, true);
        Assert.Equal([4], Raised());
        _gic.SetSpi(Uart, false);
        _gic.SetPpi(4, Timer, true);
        Assert.Equal(Timer, Acknowledge(4));
        _gic.SetSpi(Uart, true);
        Assert.Equal([7], Raised()); // the other one is busy
        Assert.Equal(Uart, Acknowledge(7));
        Assert.Empty(Raised());
        _gic.SetSpi(Uart, false);
        EndOfInterrupt(7, Uart);
        Assert.Empty(Raised());
    }

    [Fact]
    public void PpisStayLevelSensitiveAndSgisEdgeTriggered()
    {
        Sgi(0, 0xc00, 0);
        Sgi(0, 0xc04, uint.MaxValue);
        Assert.Equal(0xaaaa_aaaau, (uint)_gic.Redistributors.Read(0x1_0c00, 4));
        Assert.Equal(0u, (uint)_gic.Redistributors.Read(0x1_0c04, 4));
    }

    [Fact]
    public void SavedStateIsRestoredWithLinesRaised()
    {
        EnablePrivate(3, Timer, priority: 0xa0);
        _gic.SetPpi(3, Timer, true);
        _gic.TryWrite(2, SystemRegister.ICC_CTLR_EL1, 3);
        _gic.TryWrite(2, SystemRegister.ICC_AP1R0_EL1, 0x10);
        var writer = new StateWriter();
        _gic.Save(writer);
        var lines = new bool[_irq.Length];
        var other = new GicV3(_irq.Length, (cpu, irq, _) => lines[cpu] = irq);
        other.PrepareRestore(new StateReader("gic", writer.Written.ToArray()))();
        Assert.Equal(_irq, lines);
        Assert.True(other.TryRead(2, SystemRegister.ICC_RPR_EL1, out var running));
        Assert.Equal(4ul << 3, running);
        var again = new StateWriter();
        other.Save(again);
        Assert.True(writer.Written.SequenceEqual(again.Written));
    }

    [Fact]
    public void RedistributorsNameTheirPe()
    {
        Assert.Equal((17ul << 8) | (0x101ul << 32), _gic.Redistributors.Read((17 * GicV3.RedistributorBytes) + 8, 8));
        Assert.Equal(1ul, (_gic.Redistributors.Read((19 * GicV3.RedistributorBytes) + 8, 8) >> 4) & 1);
    }

    [Fact]
    public void HostileAccessesNeverThrow()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var i = 0; i < 200_000; i++)
        {
            var size = 1 << random.Next(4);
            var inDistributor = random.Next(2) == 0;
            var frame = inDistributor ? _gic.Distributor : _gic.Redistributors;
            var limit = inDistributor ? (long)GicV3.DistributorBytes : (long)GicV3.RedistributorBytes * _irq.Length;
            var offset = (ulong)random.NextInt64(limit) & ~(ulong)(size - 1);
            frame.Write(offset, size, (ulong)random.NextInt64());
            frame.Read(offset, size);
            var register = (SystemRegister)(0xc600 + random.Next(0x80));
            _gic.TryWrite(random.Next(_irq.Length), register, (ulong)random.NextInt64());
            _gic.TryRead(random.Next(_irq.Length), register, out _);
        }
    }

    private List<int> Raised() => [.. Enumerable.Range(0, _irq.Length).Where(cpu => _irq[cpu])];

    private void Sgi(int cpu, ulong offset, uint value) =>
        _gic.Redistributors.Write(((ulong)cpu * GicV3.RedistributorBytes) + 0x1_0000 + offset, 4, value);

    private void EnablePrivate(int cpu, int intId, byte priority)
    {
        _gic.Redistributors.Write(((ulong)cpu * GicV3.RedistributorBytes) + 0x1_0400 + (ulong)intId, 1, priority);
        Sgi(cpu, 0x100, 1u << intId);
    }

    private void EnableShared(int intId, byte priority)
    {
        var word = (ulong)(intId / 32) * 4;
        _gic.Distributor.Write(0x80 + word, 4, uint.MaxValue);
        _gic.Distributor.Write(0x400 + (ulong)intId, 1, priority);
        _gic.Distributor.Write(0x100 + word, 4, 1u << (intId % 32));
    }

    private int Acknowledge(int cpu) => (int)Read(cpu, SystemRegister.ICC_IAR1_EL1);

    private void EndOfInterrupt(int cpu, int intId) => _gic.TryWrite(cpu, SystemRegister.ICC_EOIR1_EL1, (ulong)intId);

    private ulong Read(int cpu, SystemRegister register)
    {
        Assert.True(_gic.TryRead(cpu, register, out var value));
        return value;
    }
}
