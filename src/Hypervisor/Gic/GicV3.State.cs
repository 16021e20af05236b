using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Gic;

/// <summary>Saved state of the interrupt controller.</summary>
public sealed partial class GicV3
{
    /// <inheritdoc/>
    public string SectionName => "gic";

    /// <inheritdoc/>
    public ushort SectionVersion => 2;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_gate)
        {
            writer.WriteInt32(_cpus.Length);
            writer.WriteInt32(SpiCount);
            writer.WriteBoolean(_group0Enabled);
            writer.WriteBoolean(_group1Enabled);
            SaveBank(writer, _spis);
            foreach (var route in _router)
                writer.WriteUInt64(route);
            foreach (var cpu in _cpus)
            {
                SaveBank(writer, cpu.Private);
                writer.WriteBoolean(cpu.ProcessorSleep);
                var icc = cpu.Interface;
                writer.WriteInt32(icc.Pmr);
                writer.WriteInt32(icc.Bpr0);
                writer.WriteInt32(icc.OwnBpr1);
                writer.WriteBoolean(icc.CommonBinaryPoint);
                writer.WriteBoolean(icc.Group0Enabled);
                writer.WriteBoolean(icc.Group1Enabled);
                writer.WriteBoolean(icc.SplitEoi);
                writer.WriteUInt32(icc.ActivePriorities0);
                writer.WriteUInt32(icc.ActivePriorities1);
                writer.WriteBoolean(cpu.LpisEnabled);
                writer.WriteUInt64(cpu.PropertyBase);
                writer.WriteUInt64(cpu.PendingBase);
                writer.WriteBoolean(cpu.PendingTableIsZero);
                writer.WriteInt32(cpu.Lpis.Count);
                for (var intId = cpu.Lpis.NextFrom(FirstLpi); intId >= 0; intId = cpu.Lpis.NextFrom(intId + 1))
                    writer.WriteInt32(intId);
            }
        }
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        reader.Expect(_cpus.Length, "number of PEs");
        reader.Expect(SpiCount, "number of shared interrupts");
        var group0 = reader.ReadBoolean();
        var group1 = reader.ReadBoolean();
        var spis = LoadBank(reader, SpiCount);
        var routers = new ulong[SpiCount];
        for (var i = 0; i < SpiCount; i++)
            routers[i] = reader.ReadUInt64();
        var cpus = new Action<PerCpu>[_cpus.Length];
        for (var i = 0; i < cpus.Length; i++)
            cpus[i] = LoadCpu(reader);

        return () =>
        {
            lock (_gate)
            {
                _group0Enabled = group0;
                _group1Enabled = group1;
                CopyBank(spis, _spis);
                for (var i = 0; i < SpiCount; i++)
                    Route(i, routers[i]);
                for (var i = 0; i < cpus.Length; i++)
                    cpus[i](_cpus[i]);
                UpdateAll();
            }
        };
    }

    private static Action<PerCpu> LoadCpu(StateReader reader)
    {
        var bank = LoadBank(reader, 32);
        var sleep = reader.ReadBoolean();
        var pmr = reader.ReadInt32() & PriorityMask;
        var bpr0 = reader.ReadInt32();
        var bpr1 = reader.ReadInt32();
        var common = reader.ReadBoolean();
        var enabled0 = reader.ReadBoolean();
        var enabled1 = reader.ReadBoolean();
        var split = reader.ReadBoolean();
        var active0 = reader.ReadUInt32();
        var active1 = reader.ReadUInt32();
        var lpisEnabled = reader.ReadBoolean();
        var propertyBase = reader.ReadUInt64() & PropertyBaseBits;
        var pendingBase = reader.ReadUInt64() & PendingBaseBits;
        var pendingTableIsZero = reader.ReadBoolean();
        var lpis = LoadLpis(reader);
        return cpu =>
        {
            CopyBank(bank, cpu.Private);
            cpu.ProcessorSleep = sleep;
            var icc = cpu.Interface;
            icc.Pmr = pmr;
            icc.SetBpr0(bpr0);
            icc.SetOwnBpr1(bpr1);
            icc.CommonBinaryPoint = common;
            icc.Group0Enabled = enabled0;
            icc.Group1Enabled = enabled1;
            icc.SplitEoi = split;
            icc.ActivePriorities0 = active0;
            icc.ActivePriorities1 = active1;
            cpu.LpisEnabled = lpisEnabled;
            cpu.PropertyBase = propertyBase;
            cpu.PendingBase = pendingBase;
            cpu.PendingTableIsZero = pendingTableIsZero;
            cpu.Lpis.Clear();
            foreach (var intId in lpis)
                cpu.Lpis.Add(intId);
        };
    }

    private static int[] LoadLpis(StateReader reader)
    {
        var count = reader.ReadInt32();
        if (count is < 0 or > IntIdLimit - FirstLpi)
            throw new StateFormatException($"Section gic: {count} pending LPIs are impossible.");
        var lpis = new int[count];
        for (var i = 0; i < count; i++)
        {
            lpis[i] = reader.ReadInt32();
            if (lpis[i] < (i == 0 ? FirstLpi : lpis[i - 1] + 1) || lpis[i] >= IntIdLimit)
                throw new StateFormatException($"Section gic: INTID {lpis[i]} is no LPI, or out of order.");
        }

        return lpis;
    }

    private static void SaveBank(StateWriter writer, InterruptBank bank)
    {
        foreach (var words in (uint[][])[bank.Group, bank.Enabled, bank.Active, bank.Latched, bank.Line, bank.Edge])
        {
            foreach (var word in words)
                writer.WriteUInt32(word);
        }

        writer.WriteBytes(bank.Priority);
    }

    private static InterruptBank LoadBank(StateReader reader, int count)
    {
        var bank = new InterruptBank(count);
        foreach (var words in (uint[][])[bank.Group, bank.Enabled, bank.Active, bank.Latched, bank.Line, bank.Edge])
        {
            for (var i = 0; i < words.Length; i++)
                words[i] = reader.ReadUInt32();
        }

        reader.ReadBytes(count).CopyTo(bank.Priority);
        return bank;
    }

    private static void CopyBank(InterruptBank from, InterruptBank to)
    {
        from.Group.CopyTo(to.Group, 0);
        from.Enabled.CopyTo(to.Enabled, 0);
        from.Active.CopyTo(to.Active, 0);
        from.Latched.CopyTo(to.Latched, 0);
        from.Line.CopyTo(to.Line, 0);
        from.Edge.CopyTo(to.Edge, 0);
        from.Priority.CopyTo(to.Priority, 0);
    }
}
