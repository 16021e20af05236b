using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Gic;

/// <summary>Saved state of the interrupt controller.</summary>
public sealed partial class GicV3
{
    /// <inheritdoc/>
    public string SectionName => "gic";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

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
                writer.WriteInt32(cpu.Interface.Pmr);
                writer.WriteInt32(cpu.Interface.Bpr1);
                writer.WriteBoolean(cpu.Interface.Group1Enabled);
                writer.WriteBoolean(cpu.Interface.SplitEoi);
                writer.WriteUInt32(cpu.Interface.ActivePriorities);
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
        var cpus = new (InterruptBank Bank, bool Sleep, int Pmr, int Bpr1, bool Enabled, bool Split, uint Active)[_cpus.Length];
        for (var i = 0; i < cpus.Length; i++)
        {
            cpus[i] = (LoadBank(reader, 32), reader.ReadBoolean(), reader.ReadInt32() & PriorityMask, reader.ReadInt32(),
                reader.ReadBoolean(), reader.ReadBoolean(), reader.ReadUInt32());
        }

        return () =>
        {
            lock (_gate)
            {
                _group0Enabled = group0;
                _group1Enabled = group1;
                CopyBank(spis, _spis);
                for (var i = 0; i < SpiCount; i++)
                {
                    _router[i] = routers[i];
                    _target[i] = CpuOfAffinity(routers[i]);
                }

                for (var i = 0; i < cpus.Length; i++)
                {
                    CopyBank(cpus[i].Bank, _cpus[i].Private);
                    _cpus[i].ProcessorSleep = cpus[i].Sleep;
                    var icc = _cpus[i].Interface;
                    icc.Pmr = cpus[i].Pmr;
                    icc.SetBpr1(cpus[i].Bpr1);
                    icc.Group1Enabled = cpus[i].Enabled;
                    icc.SplitEoi = cpus[i].Split;
                    icc.ActivePriorities = cpus[i].Active;
                }

                UpdateAll();
            }
        };
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
