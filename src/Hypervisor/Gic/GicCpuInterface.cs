using System.Numerics;

namespace CloudVm.Hypervisor.Gic;

/// <summary>Registers of one PE's CPU interface (ICC_*) and the priority rules that depend on nothing else.</summary>
/// <remarks>Thread: under the lock of the <see cref="GicV3"/> that owns it.</remarks>
internal sealed class GicCpuInterface
{
    /// <summary>With 5 priority bits the smallest Group 0 binary point that leaves every bit in the group priority.</summary>
    private const int MinBpr0 = 2;

    /// <summary>Group 1 counts from one bit further up (pseudocode PriorityGroup).</summary>
    private const int MinBpr1 = MinBpr0 + 1;

    private const int IdlePriority = 0xff;

    private int _bpr1 = MinBpr1;

    public int Pmr { get; set; }

    public int Bpr0 { get; private set; } = MinBpr0;

    /// <summary>ICC_BPR1_EL1 as it reads: under CBPR it shows Group 0's binary point plus one.</summary>
    public int Bpr1 => CommonBinaryPoint ? Math.Min(Bpr0 + 1, 7) : _bpr1;

    /// <summary>The Group 1 binary point that counts when CBPR is clear.</summary>
    public int OwnBpr1 => _bpr1;

    /// <summary>ICC_CTLR_EL1.CBPR: Group 0's binary point serves both groups.</summary>
    public bool CommonBinaryPoint { get; set; }

    public bool Group0Enabled { get; set; }

    public bool Group1Enabled { get; set; }

    /// <summary>ICC_CTLR_EL1.EOImode: EOIR drops the priority only, DIR deactivates.</summary>
    public bool SplitEoi { get; set; }

    /// <summary>ICC_AP0R0_EL1: bit n set means a Group 0 interrupt of group priority n * 8 is active.</summary>
    public uint ActivePriorities0 { get; set; }

    /// <summary>ICC_AP1R0_EL1, the same for Group 1.</summary>
    public uint ActivePriorities1 { get; set; }

    public int RunningPriority
    {
        get
        {
            var active = ActivePriorities0 | ActivePriorities1;
            return active == 0 ? IdlePriority : BitOperations.TrailingZeroCount(active) << 3;
        }
    }

    public void SetBpr0(int value) => Bpr0 = Math.Max(value & 7, MinBpr0);

    /// <summary>A write of ICC_BPR1_EL1, which CBPR makes ineffective.</summary>
    public void SetBpr1(int value)
    {
        if (!CommonBinaryPoint)
            SetOwnBpr1(value);
    }

    public void SetOwnBpr1(int value) => _bpr1 = Math.Max(value & 7, MinBpr1);

    public bool IsEnabled(bool group1) => group1 ? Group1Enabled : Group0Enabled;

    /// <summary>Whether an interrupt gets past the priority mask and preempts what is running.</summary>
    public bool CanSignal(int priority, bool group1) =>
        priority < Pmr && GroupPriority(priority, group1) < RunningPriority;

    public void Activate(int priority, bool group1)
    {
        var bit = 1u << (GroupPriority(priority, group1) >> 3);
        if (group1)
            ActivePriorities1 |= bit;
        else
            ActivePriorities0 |= bit;
    }

    /// <summary>Priority drop: the highest active priority ends. False if that is not of the group, or none is active.</summary>
    public bool TryDropPriority(bool group1)
    {
        var highestIsGroup1 = BitOperations.TrailingZeroCount(ActivePriorities1) <= BitOperations.TrailingZeroCount(ActivePriorities0);
        if ((ActivePriorities0 | ActivePriorities1) == 0 || highestIsGroup1 != group1)
            return false;
        if (group1)
            ActivePriorities1 &= ActivePriorities1 - 1;
        else
            ActivePriorities0 &= ActivePriorities0 - 1;
        return true;
    }

    public void Reset()
    {
        Pmr = 0;
        Bpr0 = MinBpr0;
        _bpr1 = MinBpr1;
        CommonBinaryPoint = Group0Enabled = Group1Enabled = SplitEoi = false;
        ActivePriorities0 = ActivePriorities1 = 0;
    }

    private int GroupPriority(int priority, bool group1) => priority & (0xff << (group1 ? Bpr1 : Bpr0 + 1)) & 0xff;
}
