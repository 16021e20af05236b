
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

    public void InvalidateAllTranslations() => _domain.BroadcastDropBlocks();

    internal void SetEvent() => Volatile.Write(ref _eventRegister, 1);

    /// <summary>Whether no stale translation from before broadcast <paramref name="epoch"/> can be used any more.</summary>
    /// <remarks>Thread: any.</remarks>
    internal bool HasAcknowledged(long epoch) => Volatile.Read(ref _running) == 0 || Volatile.Read(ref _acknowledgedEpoch) >= epoch;

    /// <summary>Does the maintenance that was broadcast since the last call.</summary>
    internal void AcknowledgeFlush()
    {
        var epoch = _domain.Epoch;
        if (epoch == _acknowledgedEpoch)
            return;
        if (_domain.DropEpoch > _acknowledgedEpoch)
            DropBlocks();
        FlushTranslations();
        Volatile.Write(ref _acknowledgedEpoch, epoch);
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
        var cpu = Cpu;
        var inputs = new TranslationInputs(cpu->SctlrEl1, cpu->TcrEl1, cpu->Ttbr0El1, cpu->Ttbr1El1, cpu->MairEl1);
        if (inputs == _inputs)
            return;
        _inputs = inputs;
        FlushTranslations();
    }

    private void FlushTranslations()
    {
        Counters.TlbFlushes++;
        _tlb.Flush();
        _blocks.ForgetJumps();
    }

    private void FlushPage(ulong va)
    {
        _tlb.FlushPage(va);
        _blocks.ForgetJumps();
    }

    private void DropBlocks() => _blocks.Clear();

    private void CompleteBroadcasts()
    {
        if (_broadcast == 0)
            return;
        _domain.WaitForFlush(_broadcast, this);
        _broadcast = 0;
    }

    private readonly record struct TranslationInputs(ulong Sctlr, ulong Tcr, ulong Ttbr0, ulong Ttbr1, ulong Mair);
}
