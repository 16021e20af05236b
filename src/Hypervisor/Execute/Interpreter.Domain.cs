
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Translation maintenance, this vCPU's own and what others broadcast.</summary>
public sealed unsafe partial class Interpreter
{
    private readonly BlockCache _blocks = new();
    private long _acknowledgedEpoch;
    private int _running;
    private int _eventRegister;

    /// <summary>Number of this vCPU's last broadcast that no DSB has completed, or 0.</summary>
    private long _broadcast;

    private TranslationInputs _inputs;

    /// <summary>Set where the ASID may have changed.</summary>
    private bool _contextStale;

    public void InvalidateAllTranslations() => _domain.Broadcast(new(MaintenanceKind.DropBlocks, default));

    public bool HasEvent => Volatile.Read(ref _eventRegister) != 0;

    internal void SetEvent() => Volatile.Write(ref _eventRegister, 1);

    /// <summary>Whether no stale translation from before broadcast <paramref name="epoch"/> can be used any more.</summary>
    /// <remarks>Thread: any.</remarks>
    internal bool HasAcknowledged(long epoch) => Volatile.Read(ref _running) == 0 || Volatile.Read(ref _acknowledgedEpoch) >= epoch;

    /// <summary>Does the maintenance that was broadcast since the last call.</summary>
    internal void AcknowledgeFlush()
    {
        var log = _domain.Log;
        var last = log.Last;
        if (last == _acknowledgedEpoch)
            return;
        for (var number = _acknowledgedEpoch + 1; number <= last; number++)
        {
            if (log.TryRead(number, out var request))
            {
                Maintain(in request);
                continue;
            }

            if (log.LastDrop > _acknowledgedEpoch)
                DropBlocks();
            FlushTranslations();
            break;
        }

        Volatile.Write(ref _acknowledgedEpoch, last);
    }

    private void Maintain(in MaintenanceRequest request)
    {
        if (request.Origin == Index)
            return;
        switch (request.Kind)
        {
            case MaintenanceKind.Tlb:
                InvalidateTlb(request.Tlb);
                break;
            default:
                DropBlocks();
                FlushTranslations();
                break;
        }
    }

    private void EnterDomain()
    {
        // Full barrier between saying "running" and reading the epoch: a broadcaster either sees us running or we see its epoch.
        Interlocked.Exchange(ref _running, 1);
        AcknowledgeFlush();
    }

    private void LeaveDomain() => Volatile.Write(ref _running, 0);

    /// <summary>The hypervisor may have changed translation registers while this vCPU was out of Run.</summary>
    private void CheckTranslationInputs()
    {
        _contextStale = true;
        if (TranslationInputs.Of(Cpu) != _inputs)
            FlushTranslations();
    }

    private void RememberTranslationInputs() => _inputs = TranslationInputs.Of(Cpu);

    /// <summary>Selects the translations of the current ASID.</summary>
    private void SelectContext()
    {
        const ulong TcrA1 = 1UL << 22;
        _contextStale = false;
        var asid = (ushort)(((Cpu->TcrEl1 & TcrA1) != 0 ? Cpu->Ttbr1El1 : Cpu->Ttbr0El1) >> 48);
        if (!HasWideAsids)
            asid &= 0xff;
        _tlb.SelectAsid(asid);
    }

    /// <summary>TCR_EL1.AS.</summary>
    private bool HasWideAsids => (Cpu->TcrEl1 >> 36 & 1) != 0;

    private void FlushTranslations()
    {
        Counters.TlbFlushes++;
        _tlb.Flush();
    }

    private void InvalidateTlb(in TlbInvalidation invalidation)
    {
        _tlb.Invalidate(in invalidation);

        // Links within a page go unchecked: the page that runs now must be looked up again.
        _modeStale = true;
    }

    private void DropBlocks()
    {
        // The dispatch loop may be inside a block whose links lead to others: attention makes it leave before the next.
        _blocks.Clear();
        _unresolved = null;
        RequestAttention();
    }

    private void CompleteBroadcasts()
    {
        if (_broadcast == 0)
            return;
        _domain.WaitForFlush(_broadcast, this);
        _broadcast = 0;
    }

    private readonly record struct TranslationInputs(ulong Sctlr, ulong Tcr, ulong Ttbr0, ulong Ttbr1, ulong Mair)
    {
        public static TranslationInputs Of(CpuState* cpu) => new(cpu->SctlrEl1, cpu->TcrEl1, cpu->Ttbr0El1, cpu->Ttbr1El1, cpu->MairEl1);
    }
}
