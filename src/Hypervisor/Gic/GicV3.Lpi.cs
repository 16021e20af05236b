using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Gic;

/// <summary>
/// LPIs: always Group 1 and edge-triggered, without an active state, configured by a byte each in guest memory. The table is read whenever
/// it is needed, so that there is nothing to invalidate and nothing but the pending bits to save.
/// </summary>
public sealed partial class GicV3
{
    private const ulong TableAddress = 0x000f_ffff_ffff_f000;

    /// <summary>Guest RAM, or null when there are no LPIs.</summary>
    internal GuestMemory? Memory => _memory;

    /// <summary>Makes an LPI pending on a PE; without effect while that redistributor has LPIs switched off.</summary>
    internal void SetLpiPending(int cpu, int intId)
    {
        lock (_gate)
        {
            if (!_cpus[cpu].LpisEnabled)
                return;
            _cpus[cpu].Lpis.Add(intId);
            Update(cpu);
        }
    }

    /// <summary>Removes an LPI's pending state from a PE.</summary>
    /// <returns>Whether it was pending.</returns>
    internal bool ClearLpiPending(int cpu, int intId)
    {
        lock (_gate)
        {
            var was = _cpus[cpu].Lpis.Remove(intId);
            if (was)
                Update(cpu);
            return was;
        }
    }

    /// <summary>Moves all pending LPIs of a PE to another.</summary>
    internal void MoveAllLpis(int from, int to)
    {
        lock (_gate)
        {
            if (from == to || !_cpus[to].LpisEnabled)
                return;
            var source = _cpus[from].Lpis;
            for (var intId = source.NextFrom(FirstLpi); intId >= 0; intId = source.NextFrom(intId + 1))
                _cpus[to].Lpis.Add(intId);
            source.Clear();
            Update(from);
            Update(to);
        }
    }

    /// <summary>Looks at the configuration table again, as after INV and INVALL.</summary>
    internal void ReloadLpis(int cpu)
    {
        lock (_gate)
            Update(cpu);
    }

    /// <summary>A change of GICR_CTLR.EnableLPIs: the pending table in memory is read when they come on and written when they go off.</summary>
    private void EnableLpis(PerCpu pe, bool enable)
    {
        if (_memory is null || enable == pe.LpisEnabled)
            return;
        pe.LpisEnabled = enable;
        if (enable)
            LoadPendingTable(pe);
        else
            StorePendingTable(pe);
    }

    /// <summary>First INTID that the tables of a PE do not cover (GICR_PROPBASER.IDbits).</summary>
    private static int LpiLimit(PerCpu pe) => 1 << Math.Min((int)(pe.PropertyBase & 0x1f) + 1, 16);

    private void LoadPendingTable(PerCpu pe)
    {
        pe.Lpis.Clear();
        if (pe.PendingTableIsZero || !TryFindPendingTable(pe, out var address, out var bytes))
            return;
        Span<byte> table = stackalloc byte[bytes];
        if (!_memory!.TryRead(address, table))
            return;
        for (var i = 0; i < bytes; i++)
        {
            foreach (var bit in new Bits(table[i]))
                pe.Lpis.Add(FirstLpi + (i * 8) + bit);
        }
    }

    private void StorePendingTable(PerCpu pe)
    {
        if (TryFindPendingTable(pe, out var address, out var bytes))
        {
            Span<byte> table = stackalloc byte[bytes];
            table.Clear();
            for (var intId = pe.Lpis.NextFrom(FirstLpi); intId >= 0 && intId < LpiLimit(pe); intId = pe.Lpis.NextFrom(intId + 1))
                table[(intId - FirstLpi) >> 3] |= (byte)(1 << (intId & 7));
            _memory!.TryWrite(address, table); // outside RAM there is nothing that could keep them
        }

        pe.Lpis.Clear();
    }

    /// <summary>The part of the pending table that holds LPIs; at most 7 KiB.</summary>
    private static bool TryFindPendingTable(PerCpu pe, out ulong address, out int bytes)
    {
        const ulong PendingAddress = 0x000f_ffff_ffff_0000;
        address = (pe.PendingBase & PendingAddress) + (FirstLpi / 8);
        bytes = Math.Max(LpiLimit(pe) - FirstLpi, 0) / 8;
        return bytes != 0;
    }

    private void ConsiderLpis(PerCpu pe, ref Candidate best)
    {
        if (!pe.LpisEnabled || pe.Lpis.Count == 0)
            return;
        var limit = LpiLimit(pe);
        Span<byte> property = stackalloc byte[1];
        for (var intId = pe.Lpis.NextFrom(FirstLpi); intId >= 0 && intId < limit; intId = pe.Lpis.NextFrom(intId + 1))
        {
            if (!_memory!.TryRead((pe.PropertyBase & TableAddress) + (ulong)(intId - FirstLpi), property))
                return;
            if ((property[0] & 1) != 0 && (property[0] & PriorityMask) < best.Priority)
                best = new Candidate(intId, property[0] & PriorityMask, true);
        }
    }
}
