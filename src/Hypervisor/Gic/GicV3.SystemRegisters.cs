using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Gic;

/// <summary>The ICC_* system registers.</summary>
public sealed partial class GicV3 : ISystemRegisterDevice
{
    /// <summary>ICC_CTLR_EL1 read-only part: PRIbits = 4 (5 bits), IDbits = 0 (16 bits), no A3V, no SEI.</summary>
    private const ulong IccCtlrFixed = 4ul << 8;

    /// <summary>ICC_SRE_EL1: SRE, DFB, DIB, all read-only: there is no memory-mapped CPU interface.</summary>
    private const ulong IccSre = 7;

    /// <inheritdoc/>
    public bool TryRead(int cpu, SystemRegister register, out ulong value)
    {
        lock (_gate)
        {
            var pe = _cpus[cpu];
            var icc = pe.Interface;
            switch (register)
            {
                case SystemRegister.ICC_PMR_EL1:
                    value = (ulong)icc.Pmr;
                    return true;
                case SystemRegister.ICC_IAR1_EL1:
                    value = (ulong)Acknowledge(pe);
                    return true;
                case SystemRegister.ICC_HPPIR1_EL1:
                    value = (ulong)HighestPending(pe, out _);
                    return true;
                case SystemRegister.ICC_BPR1_EL1:
                    value = (ulong)icc.Bpr1;
                    return true;
                case SystemRegister.ICC_CTLR_EL1:
                    value = IccCtlrFixed | (icc.SplitEoi ? 2ul : 0);
                    return true;
                case SystemRegister.ICC_SRE_EL1:
                    value = IccSre;
                    return true;
                case SystemRegister.ICC_IGRPEN1_EL1:
                    value = icc.Group1Enabled ? 1ul : 0;
                    return true;
                case SystemRegister.ICC_RPR_EL1:
                    value = (ulong)icc.RunningPriority;
                    return true;
                case SystemRegister.ICC_AP1R0_EL1:
                    value = icc.ActivePriorities;
                    return true;

                // Group 0 is never signalled: nothing to acknowledge, its controls read as zero.
                case SystemRegister.ICC_IAR0_EL1 or SystemRegister.ICC_HPPIR0_EL1:
                    value = Spurious;
                    return true;
                case SystemRegister.ICC_IGRPEN0_EL1 or SystemRegister.ICC_AP0R0_EL1:
                    value = 0;
                    return true;
                case SystemRegister.ICC_BPR0_EL1:
                    value = 2;
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
        lock (_gate)
        {
            var pe = _cpus[cpu];
            var icc = pe.Interface;
            switch (register)
            {
                case SystemRegister.ICC_PMR_EL1:
                    icc.Pmr = (int)value & PriorityMask;
                    break;
                case SystemRegister.ICC_EOIR1_EL1:
                    EndOfInterrupt(pe, (int)(value & 0xffffff));
                    break;
                case SystemRegister.ICC_DIR_EL1:
                    if (icc.SplitEoi)
                        Deactivate(pe, (int)(value & 0xffffff));
                    break;
                case SystemRegister.ICC_BPR1_EL1:
                    icc.SetBpr1((int)value);
                    break;
                case SystemRegister.ICC_CTLR_EL1:
                    icc.SplitEoi = (value & 2) != 0;
                    break;
                case SystemRegister.ICC_IGRPEN1_EL1:
                    icc.Group1Enabled = (value & 1) != 0;
                    break;
                case SystemRegister.ICC_AP1R0_EL1:
                    icc.ActivePriorities = (uint)value;
                    break;
                case SystemRegister.ICC_SGI1R_EL1:
                    SendSgi(pe.Index, value);
                    return true;

                // Read-only or without effect when Group 0 is never signalled.
                case SystemRegister.ICC_SRE_EL1 or SystemRegister.ICC_IGRPEN0_EL1 or SystemRegister.ICC_AP0R0_EL1
                    or SystemRegister.ICC_BPR0_EL1 or SystemRegister.ICC_EOIR0_EL1 or SystemRegister.ICC_SGI0R_EL1
                    or SystemRegister.ICC_ASGI1R_EL1:
                    return true;
                default:
                    return false;
            }

            Update(pe.Index);
            return true;
        }
    }

    private int Acknowledge(PerCpu pe)
    {
        var intId = HighestPending(pe, out var priority);
        if (intId == Spurious || !pe.Interface.CanSignal(priority))
            return Spurious;
        pe.Interface.Activate(priority);
        if (intId < FirstSpi)
            pe.Private.Acknowledge(intId);
        else
            _spis.Acknowledge(intId - FirstSpi);
        Volatile.Write(ref _delivered, _delivered + 1);
        Update(pe.Index);
        return intId;
    }

    private void EndOfInterrupt(PerCpu pe, int intId)
    {
        if (intId >= FirstSpi + SpiCount) // special INTIDs and what does not exist
            return;
        pe.Interface.DropPriority();
        if (!pe.Interface.SplitEoi)
            Deactivate(pe, intId);
    }

    private void Deactivate(PerCpu pe, int intId)
    {
        var mask = ~(1u << (intId & 31));
        if (intId < FirstSpi)
        {
            pe.Private.Active[0] &= mask;
        }
        else if (intId < FirstSpi + SpiCount)
        {
            var spi = intId - FirstSpi;
            _spis.Active[spi >> 5] &= mask;
            Update(_target[spi]);
        }
    }

    /// <summary>ICC_SGI1R_EL1: to a list within one cluster, or to all but the sender.</summary>
    private void SendSgi(int sender, ulong value)
    {
        var intId = (int)(value >> 24) & 0xf;
        var toOthers = (value & (1ul << 40)) != 0;
        var range = (int)(value >> 44) & 0xf;
        var aff1 = (int)(value >> 16) & 0xff;
        var upper = ((value >> 32) & 0xff) | ((value >> 48) & 0xff); // Aff2 and Aff3 are zero on every PE here
        foreach (var pe in _cpus)
        {
            var listed = upper == 0 && range == 0 && pe.Index >> 4 == aff1 && (value & (1ul << (pe.Index & 0xf))) != 0;
            if (toOthers ? pe.Index == sender : !listed)
                continue;
            pe.Private.Latched[0] |= 1u << intId;
            Update(pe.Index);
        }
    }
}
