namespace CloudVm.Hypervisor.Gic;

/// <summary>
/// State of a run of interrupts, one bit per interrupt in words of 32 as the GIC's registers hold it: the private interrupts of one PE,
/// or all SPIs.
/// </summary>
/// <remarks>Thread: under the lock of the <see cref="GicV3"/> that owns it.</remarks>
internal sealed class InterruptBank(int count)
{
    public readonly uint[] Group = new uint[count / 32];
    public readonly uint[] Enabled = new uint[count / 32];
    public readonly uint[] Active = new uint[count / 32];

    /// <summary>Set by an edge or by a write to ISPENDR; cleared by acknowledgement or a write to ICPENDR.</summary>
    public readonly uint[] Latched = new uint[count / 32];

    /// <summary>Levels of the input lines.</summary>
    public readonly uint[] Line = new uint[count / 32];

    /// <summary>1: edge-triggered (ICFGR bit 1 of the field).</summary>
    public readonly uint[] Edge = new uint[count / 32];

    public readonly byte[] Priority = new byte[count];

    public int Count => count;

    /// <summary>Pending state as ISPENDR shows it: latched, or a level-sensitive input that is asserted.</summary>
    public uint Pending(int word) => Latched[word] | (Line[word] & ~Edge[word]);

    /// <summary>
    /// Interrupts of a word that could be signalled, were their priority sufficient: enabled, pending and not active. What is active
    /// and pending waits for its deactivation.
    /// </summary>
    public uint Candidates(int word) => Enabled[word] & Pending(word) & ~Active[word];

    public bool IsGroup1(int index) => (Group[index >> 5] & (1u << (index & 31))) != 0;

    public void SetLine(int index, bool level)
    {
        var bit = 1u << (index & 31);
        ref var line = ref Line[index >> 5];
        if (level && (line & bit) == 0 && (Edge[index >> 5] & bit) != 0)
            Latched[index >> 5] |= bit;
        line = level ? line | bit : line & ~bit;
    }

    /// <summary>Pending to active: what reading ICC_IAR1_EL1 does. A level that stays asserted makes it active and pending.</summary>
    public void Acknowledge(int index)
    {
        var bit = 1u << (index & 31);
        Latched[index >> 5] &= ~bit;
        Active[index >> 5] |= bit;
    }

    public void Deactivate(int index) => Active[index >> 5] &= ~(1u << (index & 31));

    public void Reset()
    {
        Array.Clear(Group);
        Array.Clear(Enabled);
        Array.Clear(Active);
        Array.Clear(Latched);
        Array.Clear(Edge);
        Array.Clear(Priority);
    }
}
