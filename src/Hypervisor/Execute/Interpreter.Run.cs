using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>The dispatch loop.</summary>
public sealed unsafe partial class Interpreter
{
    private long _acknowledgedEpoch;
    private int _attention;
    private int _exitRequested;
    private int _running;
    private int _eventRegister;

    public ExitReason Run(CpuState* cpu, long budget)
    {
        Cpu = cpu;
        Volatile.Write(ref _running, 1);
        Interlocked.MemoryBarrier();
        _tlb.Flush();
        var reason = RunLoop(budget);
        Volatile.Write(ref _running, 0);
        return reason;
    }

    public ExitReason Step(CpuState* cpu) => Run(cpu, 1);

    public void RequestExit()
    {
        Volatile.Write(ref _exitRequested, 1);
        RequestAttention();
    }

    public void InvalidateAllTranslations() => _domain.BroadcastFlush();

    internal void RequestAttention() => Volatile.Write(ref _attention, 1);

    internal void SetEvent() => Volatile.Write(ref _eventRegister, 1);

    internal bool HasAcknowledged(long epoch) => Volatile.Read(ref _running) == 0 || Volatile.Read(ref _acknowledgedEpoch) >= epoch;

    internal void AcknowledgeFlush()
    {
        var epoch = _domain.Epoch;
        if (epoch == _acknowledgedEpoch)
            return;
        _tlb.Flush();
        Counters.TlbFlushes++;
        Volatile.Write(ref _acknowledgedEpoch, epoch);
    }

    private ExitReason RunLoop(long budget)
    {
        while (budget-- > 0)
        {
            AcknowledgeFlush();
            if (Interlocked.Exchange(ref _exitRequested, 0) != 0)
                return ExitReason.Interrupted;
            _mmuIndex = Cpu->El == 0 ? MmuIndex.El0 : Cpu->Pan != 0 ? MmuIndex.El1Pan : MmuIndex.El1;
            _data = _tlb.Table(_mmuIndex);
            RefreshTraps();
            if (!_memory.TryAcquireRead(Cpu->Pc, 4, out var pointer))
            {
                Cpu->Exit = new ExitInfo { Reason = ExitReason.InstructionAbort, Far = Cpu->Pc, Ipa = Cpu->Pc };
                return ExitReason.InstructionAbort;
            }

            var word = *(uint*)pointer;
            var opcode = Decoder.Decode(word);
            if (!_domain.Features.Has(Decoder.FeatureOf(opcode)))
                opcode = Opcode.UNALLOCATED;
            Counters.RetiredInstructions++;
            switch (HandlerTable.Entries[(int)opcode](this, word))
            {
                case StepResult.Branch:
                    break;
                case StepResult.Exit:
                    return Cpu->Exit.Reason;
                case StepResult.ExitNext:
                    Cpu->Pc += 4;
                    return Cpu->Exit.Reason;
                default:
                    Cpu->Pc += 4;
                    break;
            }
        }

        return ExitReason.Budget;
    }
}
