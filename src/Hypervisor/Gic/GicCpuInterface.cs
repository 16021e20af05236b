using System.Numerics;

namespace CloudVm.Hypervisor.Gic;

/// <summary>Registers of one PE's CPU interface (ICC_*) and the priority rules that depend on nothing else.</summary>
internal sealed class GicCpuInterface
{
    /// <summary>With 5 priority bits the smallest Group 1 binary point that leaves every bit in the group priority.</summary>
    private const int MinBpr1 = 3;

    public int Pmr { get; set; }

    public int Bpr1 { get; private set; } = MinBpr1;

    public bool Group1Enabled { get; set; }

    /// <summary>ICC_CTLR_EL1.EOImode: EOIR drops the priority only, DIR deactivates.</summary>
    public bool SplitEoi { get; set; }

    /// <summary>ICC_AP1R0_EL1: bit n set means an interrupt of group priority n * 8 is active.</summary>
    public uint ActivePriorities { get; set; }

    public int RunningPriority =>
        ActivePriorities == 0 ? 0xff : BitOperations.TrailingZeroCount(ActivePriorities) << 3;

    public void SetBpr1(int value) => Bpr1 = Math.Max(value & 7, MinBpr1);

    public bool CanSignal(int priority) =>
        Group1Enabled && priority < Pmr && (priority & GroupMask) < RunningPriority;

    public void Activate(int priority) => ActivePriorities |= 1u << ((priority & GroupMask) >> 3);

    /// <summary>Priority drop: the highest active priority ends.</summary>
    public void DropPriority() => ActivePriorities &= ActivePriorities - 1;

    public void Reset()
    {
        Pmr = 0;
        Bpr1 = MinBpr1;
        Group1Enabled = false;
        SplitEoi = false;
        ActivePriorities = 0;
    }

    private int GroupMask => 0xff & ~((1 << Bpr1) - 1);
}
