using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Gic;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Gic;

/// <summary>Drives the ITS as a driver does: tables and a command queue in memory, then MSIs.</summary>
public sealed class ItsTests : IDisposable
{
    private const ulong Ram = 0x4000_0000;
    private const ulong Queue = Ram;
    private const ulong DeviceTable = Ram + 0x1_0000;
    private const ulong CollectionTable = Ram + 0x2_0000;
    private const ulong Translations = Ram + 0x3_0000;
    private const ulong Properties = Ram + 0x4_0000;
    private const ulong Pending = Ram + 0x6_0000; // 64 KiB for each PE
    private const uint DeviceId = 0x123;
    private const int FirstLpi = GicV3.FirstLpi;

    private const ulong Cbaser = 0x80;
    private const ulong Cwriter = 0x88;
    private const ulong Creadr = 0x90;
    private const ulong Valid = 1ul << 63;

    private readonly GuestMemory _memory = new(Ram, 1024 * 1024);
    private readonly bool[] _irq = new bool[3];
    private readonly GicV3 _gic;
    private readonly Its _its;

    public ItsTests()
    {
        _gic = new GicV3(_irq.Length, (cpu, irq, _) => _irq[cpu] = irq, _memory);
        _its = new Its(_gic);
        _gic.Distributor.Write(0, 4, 2);
        for (var cpu = 0; cpu < _irq.Length; cpu++)
        {
            _gic.TryWrite(cpu, SystemRegister.ICC_PMR_EL1, 0xff);
            _gic.TryWrite(cpu, SystemRegister.ICC_IGRPEN1_EL1, 1);
            Redistributor(cpu, 0x70, Properties | 15);
            Redistributor(cpu, 0x78, (Pending + ((ulong)cpu * 0x1_0000)) | (1ul << 62));
            Redistributor(cpu, 0, 1);
        }

        _its.Write(0x100, 8, Valid | DeviceTable | 15); // 16 pages of 4 KiB
        _its.Write(0x108, 8, Valid | CollectionTable);
        _its.Write(Cbaser, 8, Valid | Queue);
        _its.Write(0, 4, 1);
        MapCollection(0, 0);
        MapCollection(1, 1);
        MapDevice(DeviceId, Translations, eventBits: 5);
    }

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void MappedEventsBecomeLpis()
    {
        MapEvent(DeviceId, 3, FirstLpi + 7, collection: 1);
        Configure(FirstLpi + 7, priority: 0xa0, enabled: true);
        Assert.True(_its.Signal(DeviceId, 3));
        Assert.Equal([false, true, false], _irq);
        Assert.Equal(FirstLpi + 7, Acknowledge(1));
        Assert.False(_irq[1]);
        Assert.True(_its.Signal(DeviceId, 3)); // no active state: pending again, behind its own priority
        Assert.False(_irq[1]);
        _gic.TryWrite(1, SystemRegister.ICC_EOIR1_EL1, FirstLpi + 7);
        Assert.True(_irq[1]);
        Assert.False(_its.Signal(DeviceId, 4));
        Assert.False(_its.Signal(DeviceId + 1, 3));
    }

    [Fact]
    public void ConfigurationTakesEffectWithInvalidation()
    {
        MapEvent(DeviceId, 0, FirstLpi, collection: 0);
        Configure(FirstLpi, priority: 0xa0, enabled: false);
        _its.Signal(DeviceId, 0);
        Assert.False(_irq[0]);
        Configure(FirstLpi, priority: 0xa0, enabled: true);
        Send(0x0c | ((ulong)DeviceId << 32), 0, 0); // INV
        Assert.True(_irq[0]);
        Configure(FirstLpi, priority: 0xa0, enabled: false);
        Send(0x0d, 0, 0); // INVALL
        Assert.False(_irq[0]);
    }

    [Fact]
    public void IntClearMoveAndDiscardActOnPendingState()
    {
        MapEvent(DeviceId, 1, FirstLpi + 1, collection: 0);
        Configure(FirstLpi + 1, priority: 0x80, enabled: true);
        Send(0x03 | ((ulong)DeviceId << 32), 1, 0); // INT
        Assert.Equal([true, false, false], _irq);
        Send(0x01 | ((ulong)DeviceId << 32), 1, 1); // MOVI to collection 1
        Assert.Equal([false, true, false], _irq);
        Send(0x0e, 0, 1ul << 16, 2ul << 16); // MOVALL from PE 1 to PE 2
        Assert.Equal([false, false, true], _irq);
        Send(0x0e, 0, 2ul << 16, 1ul << 16);
        Send(0x04 | ((ulong)DeviceId << 32), 1, 0); // CLEAR
        Assert.Equal([false, false, false], _irq);
        Send(0x03 | ((ulong)DeviceId << 32), 1, 0);
        Assert.True(_irq[1]);
        Send(0x0f | ((ulong)DeviceId << 32), 1, 0); // DISCARD
        Assert.False(_irq[1]);
        Assert.False(_its.Signal(DeviceId, 1));
        Assert.Equal(0ul, _its.CommandErrors);
    }

    [Fact]
    public void PrioritiesOrderLpisAmongOthers()
    {
        for (var i = 0; i < 3; i++)
        {
            MapEvent(DeviceId, (uint)i, FirstLpi + (100 * i), collection: 0);
            Configure(FirstLpi + (100 * i), priority: (byte)(0xc0 - (0x20 * i)), enabled: true);
            _its.Signal(DeviceId, (uint)i);
        }

        _gic.Redistributors.Write(0x1_0080, 4, uint.MaxValue);
        _gic.Redistributors.Write(0x1_0400, 1, 0x90); // SGI 0 lies between the last two
        _gic.Redistributors.Write(0x1_0100, 4, 1);
        _gic.TryWrite(1, SystemRegister.ICC_SGI1R_EL1, 1);
        int[] order = [FirstLpi + 200, 0, FirstLpi + 100, FirstLpi];
        foreach (var intId in order)
        {
            Assert.Equal(intId, Acknowledge(0));
            _gic.TryWrite(0, SystemRegister.ICC_EOIR1_EL1, (ulong)intId);
        }

        Assert.Equal(GicV3.Spurious, Acknowledge(0));
    }

    [Fact]
    public void PendingTableTakesOverWhenLpisAreSwitchedOff()
    {
        MapEvent(DeviceId, 2, FirstLpi + 9, collection: 0);
        Configure(FirstLpi + 9, priority: 0x80, enabled: true);
        _its.Signal(DeviceId, 2);
        Redistributor(0, 0, 0);
        Assert.False(_irq[0]);
        Span<byte> entry = stackalloc byte[1];
        _memory.TryRead(Pending + ((FirstLpi + 9) / 8), entry);
        Assert.Equal(1 << ((FirstLpi + 9) % 8), entry[0]);
        Redistributor(0, 0x78, Pending); // without PTZ: the table is to be read
        Redistributor(0, 0, 1);
        Assert.True(_irq[0]);
    }

    [Fact]
    public void IndirectDeviceTablesAreWalked()
    {
        const ulong SecondLevel = Ram + 0xc_0000;
        _its.Write(0, 4, 0);
        _its.Write(0x100, 8, Valid | (1ul << 62) | DeviceTable);
        _its.Write(0, 4, 1);
        Span<byte> entry = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(entry, Valid | SecondLevel);
        const uint Far = 5000; // 512 entries on a page
        _memory.TryWrite(DeviceTable + (Far / 512 * 8), entry);
        MapDevice(Far, Translations, eventBits: 1);
        MapEvent(Far, 1, FirstLpi, collection: 0);
        Configure(FirstLpi, priority: 0, enabled: true);
        Assert.True(_its.Signal(Far, 1));
        _memory.TryRead(SecondLevel + (Far % 512 * 8), entry);
        Assert.NotEqual(0ul, BinaryPrimitives.ReadUInt64LittleEndian(entry));
        Assert.False(_its.Signal(Far + 512, 1)); // no page there
        Assert.Equal(0ul, _its.CommandErrors);
    }

    [Fact]
    public void TypeRegistersSurviveWrites()
    {
        _its.Write(0, 4, 0);
        _its.Write(0x100, 8, ulong.MaxValue);
        Assert.Equal((1ul << 56) | (7ul << 48), _its.Read(0x100, 8) & ((7ul << 56) | (0x1ful << 48)));
        Assert.Equal(1u << 31, (uint)_its.Read(0, 4)); // quiescent
        Assert.Equal(1ul << 17, _gic.Distributor.Read(4, 4) & (1 << 17));
        Assert.Equal(1ul, _gic.Redistributors.Read(8, 8) & 1);
        Assert.Equal(0x30ul, _its.Read(0xffe8, 4) & 0xf0);
    }

    [Fact]
    public void WhatDoesNotExistIsRefusedWithoutStalling()
    {
        MapDevice(DeviceId + 1, 0x1000, eventBits: 5); // a table outside RAM
        Send(0x0a | ((ulong)(DeviceId + 1) << 32), (ulong)FirstLpi << 32, 0);
        Send(0x0a | ((ulong)DeviceId << 32), 32 | ((ulong)FirstLpi << 32), 0); // event beyond the table
        Send(0x0a | ((ulong)DeviceId << 32), (ulong)(FirstLpi - 1) << 32, 0); // no LPI
        Send(0x09, 0, Valid | (77ul << 16) | 2); // no such PE
        Send(0xff, 0, 0);
        Assert.Equal(5ul, _its.CommandErrors);
        Assert.Equal(_its.Read(Cwriter, 8), _its.Read(Creadr, 8));
    }

    [Fact]
    public void QueueWrapsAround()
    {
        MapEvent(DeviceId, 0, FirstLpi, collection: 0);
        for (var i = 0; i < 1000; i++)
            Send(0x05, 0, 0); // SYNC
        Configure(FirstLpi, priority: 0, enabled: true);
        Send(0x03 | ((ulong)DeviceId << 32), 0, 0);
        Assert.True(_irq[0]);
        Assert.Equal(0ul, _its.CommandErrors);
    }

    [Fact]
    public void StateIsRegistersAndPendingBits()
    {
        MapEvent(DeviceId, 3, FirstLpi + 7, collection: 1);
        Configure(FirstLpi + 7, priority: 0xa0, enabled: true);
        _its.Signal(DeviceId, 3);
        var gicState = Saved(_gic);
        var itsState = Saved(_its);

        var irq = new bool[_irq.Length];
        var gic = new GicV3(irq.Length, (cpu, level, _) => irq[cpu] = level, _memory);
        var its = new Its(gic);
        gic.PrepareRestore(new StateReader("gic", gicState))();
        its.PrepareRestore(new StateReader("its", itsState))();
        Assert.Equal(_irq, irq);
        Assert.Equal(gicState, Saved(gic));
        Assert.Equal(itsState, Saved(its));
        Assert.True(gic.TryRead(1, SystemRegister.ICC_IAR1_EL1, out var intId));
        Assert.Equal((ulong)(FirstLpi + 7), intId);
        gic.TryWrite(1, SystemRegister.ICC_EOIR1_EL1, intId);
        Assert.True(its.Signal(DeviceId, 3));
        Assert.True(irq[1]);
    }

    [Fact]
    public void HostileCommandsAndTablesNeverThrow()
    {
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var page = new byte[4096];
        for (var round = 0; round < 2000; round++)
        {
            random.NextBytes(page);
            for (var i = 0; i < page.Length; i += 32)
                page[i] = (byte)random.Next(0x11);
            _memory.TryWrite(Ram + ((ulong)random.Next(256) * 4096), page);
            ulong[] registers = [0, Cbaser, Cwriter, 0x100, 0x108, 0x1_0040, (ulong)random.Next(0x2_0000) & ~7ul];
            for (var i = 0; i < 8; i++)
            {
                var offset = registers[random.Next(registers.Length)];
                var value = random.Next(3) == 0 ? (ulong)random.NextInt64() : Valid | Ram | (uint)random.Next(1 << 20);
                _its.Write(offset, random.Next(4) == 0 ? 4 : 8, value);
                _its.Read(offset, 8);
            }

            var cpu = random.Next(_irq.Length);
            Redistributor(cpu, 0, (ulong)random.Next(2));
            Redistributor(cpu, random.Next(2) == 0 ? 0x70ul : 0x78, random.Next(2) == 0 ? (ulong)random.NextInt64() : Ram | (uint)random.Next(1 << 20));
            _its.Signal((uint)random.Next(1 << 17), (uint)random.Next(1 << 17));
            _gic.TryRead(cpu, SystemRegister.ICC_IAR1_EL1, out var intId);
            _gic.TryWrite(cpu, SystemRegister.ICC_EOIR1_EL1, intId);
        }
    }

    private static byte[] Saved(ISnapshottable part)
    {
        var writer = new StateWriter();
        part.Save(writer);
        return writer.Written.ToArray();
    }

    private void Redistributor(int cpu, ulong offset, ulong value) =>
        _gic.Redistributors.Write(((ulong)cpu * GicV3.RedistributorBytes) + offset, offset == 0 ? 4 : 8, value);

    private int Acknowledge(int cpu)
    {
        Assert.True(_gic.TryRead(cpu, SystemRegister.ICC_IAR1_EL1, out var intId));
        return (int)intId;
    }

    private void Configure(int intId, byte priority, bool enabled) =>
        _memory.TryWrite(Properties + (ulong)(intId - FirstLpi), [(byte)(priority | (enabled ? 1 : 0))]);

    private void MapCollection(uint collection, uint cpu) => Send(0x09, 0, Valid | ((ulong)cpu << 16) | collection);

    private void MapDevice(uint device, ulong table, int eventBits) =>
        Send(0x08 | ((ulong)device << 32), (ulong)(eventBits - 1), Valid | table);

    private void MapEvent(uint device, uint eventId, int intId, uint collection) =>
        Send(0x0a | ((ulong)device << 32), eventId | ((ulong)intId << 32), collection);

    private void Send(params ReadOnlySpan<ulong> words)
    {
        var writer = _its.Read(Cwriter, 8);
        Span<byte> command = stackalloc byte[32];
        command.Clear();
        for (var i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(command[(8 * i)..], words[i]);
        _memory.TryWrite(Queue + writer, command);
        _its.Write(Cwriter, 8, (writer + 32) % 4096);
    }
}
