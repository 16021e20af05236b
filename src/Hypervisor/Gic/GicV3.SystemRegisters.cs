using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Gic;

/// <summary>The ICC_* system registers.</summary>
public sealed partial class GicV3 : ISystemRegisterDevice
{
    /// <summary>ICC_CTLR_EL1 read-only part: PRIbits = 4 (5 bits), IDbits = 0 (16 bits), no A3V, no SEI, no range selector.</summary>
    private const ulong IccCtlrFixed = 4ul << 8;

    /// <summary>ICC_SRE_EL1: SRE, DFB, DIB, all read-only: there is no memory-mapped CPU interface.</summary>
    private const ulong IccSre = 7;

    private const ulong CtlrCbpr = 1;
    private const ulong CtlrEoiMode = 2;
    private const int IntIdMask = 0xff_ffff;

    /// <summary>First of the special INTIDs, which no write acts on.</summary>
    private const int FirstSpecial = 1020;

    /// <inheritdoc/>
    public bool TryRead(int cpu, SystemRegister register, out ulong value)
    {
        if (!IsCpuInterface(register))
        {
            value = 0;
            return false;
        }

        lock (_gate)
        {
            var pe = _cpus[cpu];
            var icc = pe.Interface;
            switch (register)
            {
                case SystemRegister.ICC_IAR1_EL1:
                    value = (ulong)Acknowledge(pe, group1: true);
                    return true;
                case SystemRegister.ICC_IAR0_EL1:
                    value = (ulong)Acknowledge(pe, group1: false);
                    return true;
                case SystemRegister.ICC_PMR_EL1:
                    value = (ulong)icc.Pmr;
                    return true;
                case SystemRegister.ICC_HPPIR1_EL1:
                    value = (ulong)HighestPending(pe, group1: true);
                    return true;
                case SystemRegister.ICC_HPPIR0_EL1:
                    value = (ulong)HighestPending(pe, group1: false);
                    return true;
                case SystemRegister.ICC_BPR0_EL1:
                    value = (ulong)icc.Bpr0;
                    return true;
                case SystemRegister.ICC_BPR1_EL1:
                    value = (ulong)icc.Bpr1;
                    return true;
                case SystemRegister.ICC_CTLR_EL1:
                    value = IccCtlrFixed | (icc.CommonBinaryPoint ? CtlrCbpr : 0) | (icc.SplitEoi ? CtlrEoiMode : 0);
                    return true;
                case SystemRegister.ICC_SRE_EL1:
                    value = IccSre;
                    return true;
                case SystemRegister.ICC_IGRPEN0_EL1:
                    value = icc.Group0Enabled ? 1ul : 0;
                    return true;
                case SystemRegister.ICC_IGRPEN1_EL1:
                    value = icc.Group1Enabled ? 1ul : 0;
                    return true;
                case SystemRegister.ICC_RPR_EL1:
                    value = (ulong)icc.RunningPriority;
                    return true;
                case SystemRegister.ICC_AP0R0_EL1:
                    value = icc.ActivePriorities0;
                    return true;
                case SystemRegister.ICC_AP1R0_EL1:
                    value = icc.ActivePriorities1;
                    return true;
                default:
                    value = 0;
                    return false;
            }
        }
    }

    /// <inheritdoc/>
    public bool TryWrite(int cpu, SystemRegister register, ulong value)
    {
        if (!IsCpuInterface(register))
            return false;
        lock (_gate)
        {
            var pe = _cpus[cpu];
            var icc = pe.Interface;
            switch (register)
            {
                case SystemRegister.ICC_EOIR1_EL1:
                    EndOfInterrupt(pe, (int)value & IntIdMask, group1: true);
                    break;
                case SystemRegister.ICC_EOIR0_EL1:
                    EndOfInterrupt(pe, (int)value & IntIdMask, group1: false);
                    break;
                case SystemRegister.ICC_PMR_EL1:
                    icc.Pmr = (int)value & PriorityMask;
                    break;
                case SystemRegister.ICC_DIR_EL1:
                    if (icc.SplitEoi)
                        Deactivate(pe, (int)value & IntIdMask);
                    break;
                case SystemRegister.ICC_BPR0_EL1:
                    icc.SetBpr0((int)value);
                    break;
                case SystemRegister.ICC_BPR1_EL1:
                    icc.SetBpr1((int)value);
                    break;
                case SystemRegister.ICC_CTLR_EL1:
                    icc.CommonBinaryPoint = (value & CtlrCbpr) != 0;
                    icc.SplitEoi = (value & CtlrEoiMode) != 0;
                    break;
                case SystemRegister.ICC_IGRPEN0_EL1:
                    icc.Group0Enabled = (value & 1) != 0;
                    break;
                case SystemRegister.ICC_IGRPEN1_EL1:
                    icc.Group1Enabled = (value & 1) != 0;
                    break;
                case SystemRegister.ICC_AP0R0_EL1:
                    icc.ActivePriorities0 = (uint)value;
                    break;
                case SystemRegister.ICC_AP1R0_EL1:
                    icc.ActivePriorities1 = (uint)value;
                    break;
                case SystemRegister.ICC_SGI1R_EL1:
                    SendSgi(pe.Index, value, toGroup1: true);
                    return true;
                case SystemRegister.ICC_SGI0R_EL1 or SystemRegister.ICC_ASGI1R_EL1:
                    SendSgi(pe.Index, value, toGroup1: false);
                    return true;
                case SystemRegister.ICC_SRE_EL1:
                    return true;
                default:
                    return false;
            }

            Update(pe.Index);
            return true;
        }
    }

    /// <summary>ICC_PMR_EL1, or op0 3, op1 0, CRn 12, CRm 8 to 12: keeps other trapped registers from taking the lock.</summary>
    private static bool IsCpuInterface(SystemRegister register) =>
        register is SystemRegister.ICC_PMR_EL1 or >= SystemRegister.ICC_IAR0_EL1 and <= SystemRegister.ICC_IGRPEN1_EL1;

    /// <summary>The INTID of the highest-priority pending interrupt if it is of the group, whatever is masked or running.</summary>
    private int HighestPending(PerCpu pe, bool group1) =>
        HighestPending(pe) is var best && best.IsGroup1 == group1 ? best.IntId : Spurious;

    private int Acknowledge(PerCpu pe, bool group1)
    {
        var best = HighestPending(pe);
        if (best.IntId == Spurious || best.IsGroup1 != group1 || !pe.Interface.CanSignal(best.Priority, group1))
            return Spurious;
        pe.Interface.Activate(best.Priority, group1);
        if (best.IntId < FirstSpi)
            pe.Private.Acknowledge(best.IntId);
        else if (best.IntId < FirstLpi)
            _spis.Acknowledge(best.IntId - FirstSpi);
        else
            pe.Lpis.Remove(best.IntId);
        Volatile.Write(ref _delivered, _delivered + 1);
        Update(pe.Index);
        return best.IntId;
    }

    /// <summary>Drops the running priority, if the highest active one is of the register's group, and deactivates unless EOImode splits that.</summary>
    private void EndOfInterrupt(PerCpu pe, int intId, bool group1)
    {
        if (intId is >= FirstSpecial and < FirstLpi || !pe.Interface.TryDropPriority(group1))
            return;
        if (!pe.Interface.SplitEoi)
            Deactivate(pe, intId);
    }

    /// <summary>Active to inactive; LPIs have no active state.</summary>
    private void Deactivate(PerCpu pe, int intId)
    {
        if (intId < FirstSpi)
        {
            pe.Private.Deactivate(intId);
        }
        else if (intId < FirstSpi + SpiCount)
        {
            _spis.Deactivate(intId - FirstSpi);
            UpdateTarget(_target[intId - FirstSpi]);
        }
    }

    /// <summary>
    /// ICC_SGI1R_EL1 and its siblings: to a list within one Aff1, or with IRM to all but the sender. ICC_SGI0R_EL1 and
    /// ICC_ASGI1R_EL1 reach only SGIs that the target has in Group 0.
    /// </summary>
    private void SendSgi(int sender, ulong value, bool toGroup1)
    {
        var intId = (int)(value >> 24) & 0xf;
        var toOthers = (value & (1ul << 40)) != 0;
        var range = (int)(value >> 44) & 0xf;
        var aff1 = (int)(value >> 16) & 0xff;
        var upper = ((value >> 32) & 0xff) | ((value >> 48) & 0xff); // Aff2 and Aff3 are zero on every PE here
        var first = toOthers ? 0 : aff1 << 4;
        var end = toOthers ? _cpus.Length : Math.Min(first + 16, _cpus.Length);
        if (!toOthers && (upper != 0 || range != 0))
            return;
        for (var index = first; index < end; index++)
        {
            var pe = _cpus[index];
            if (toOthers ? index == sender : (value & (1ul << (index & 0xf))) == 0)
                continue;
            if (!toGroup1 && pe.Private.IsGroup1(intId))
                continue;
            pe.Private.Latched[0] |= 1u << intId;
            Update(index);
        }
    }
}
