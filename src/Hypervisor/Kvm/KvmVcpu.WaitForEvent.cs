using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// WFE: it waits for another vCPU, which may need this host CPU or this physical CPU to get on. The thread lets others go first for a
/// while and then sleeps. SEV and stores with release wake it; other stores to the monitored address do not, so sleeps are bounded.
/// </summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>Idle WFEs in a row after which the thread sleeps between them.</summary>
    private const int WfeBeforeSleep = 50;

    /// <summary>Whoever waits for a lock waits briefly; only a vCPU with nothing to do gets to the long sleeps.</summary>
    private const long ShortestSleepNanoseconds = 20_000;

    private const long LongestSleepNanoseconds = 1_000_000;

    /// <summary>Longest sleep while CNTKCTL_EL1.EVNTEN promises events, which here come without a timer of their own.</summary>
    private const long EventStreamNanoseconds = 100_000;

    private const ulong EventStreamEnable = 1 << 2;

    /// <summary>What the exclusive monitor watches while the vCPU sleeps: a change is an event. A size of 0 means nothing.</summary>
    private (ulong Address, int Size, ulong Value) _monitored;

    private RunOutcome? YieldToOthers(CpuState* cpu)
    {
        if (++_wfeCount < WfeBeforeSleep)
        {
            Thread.Yield();
            return _vm.Host.HasWaiters ? null : RunOutcome.Again;
        }

        _monitored = cpu->ExclusiveActive != 0 ? (cpu->ExclusivePa, Math.Min((int)cpu->ExclusiveSize, 8), cpu->ExclusiveLo) : default;
        return RunOutcome.WaitForEvent;
    }

    private void WaitForEvent()
    {
        _vm.Timers.Poll(Index);
        var limit = (_context->CntkctlEl1 & EventStreamEnable) != 0 ? EventStreamNanoseconds : LongestSleepNanoseconds;
        var sleep = Math.Min(ShortestSleepNanoseconds << Math.Min((_wfeCount - WfeBeforeSleep) / 8, 6), limit);
        var ticks = (_vm.Timers.NextDeadline(Index) ?? long.MaxValue) - _vm.Clock.Now;
        _vm.Domain.BeginEventWait();
        var sequence = _parker.Sequence;
        if (!HasReasonToWake && !_engine.HasEvent && !HasMonitoredChanged())
            _parker.Wait(sequence, Math.Min(VirtualClock.NanosecondsFor(ticks), sleep));
        _vm.Domain.EndEventWait();
    }

    private bool HasMonitoredChanged()
    {
        if (_monitored.Size == 0)
            return false;
        Span<byte> value = stackalloc byte[8];
        value.Clear();
        return !_vm.Memory.TryRead(_monitored.Address, value[.._monitored.Size])
            || BinaryPrimitives.ReadUInt64LittleEndian(value) != _monitored.Value;
    }
}
