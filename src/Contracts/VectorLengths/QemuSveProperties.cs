using System.Numerics;

namespace CloudVm.Contracts.VectorLengths;

/// <summary>
/// The SVE properties of one <c>-cpu</c> option, and QEMU's rules for the vector lengths that they make (its documentation, "Arm CPU
/// Features", SVE CPU properties). Sets are masks: bit (VQ - 1) stands for 128 * VQ bits.
/// </summary>
internal struct QemuSveProperties
{
    /// <summary>128, 256, 512, 1024 and 2048 bits: what the architecture requires below a larger length.</summary>
    private const uint PowersOfTwo = 0x808b;

    /// <summary>Whether SVE is on at the end of the option.</summary>
    public bool Sve { get; set; }

    /// <summary>Lengths whose <c>sve&lt;N&gt;</c> was on last.</summary>
    public uint On { get; private set; }

    /// <summary>Lengths whose <c>sve&lt;N&gt;</c> was off last.</summary>
    public uint Off { get; private set; }

    /// <summary><c>sve-max-vq</c>, 0 where it is not given.</summary>
    public int MaximumVq { get; set; }

    /// <summary>Notes <c>sve&lt;N&gt;=on</c> or <c>=off</c>; the last one counts.</summary>
    public void Set(int vq, bool on)
    {
        var bit = 1u << (vq - 1);
        (On, Off) = on ? (On | bit, Off & ~bit) : (On & ~bit, Off | bit);
    }

    /// <summary>The lengths of the CPU, or every reason against them, the one first that QEMU gives.</summary>
    /// <param name="supported">Lengths that the model can have.</param>
    /// <param name="isKvm">
    /// KVM's rule: all of the host's lengths below a larger one are needed. Otherwise the architecture's: all powers of two are.
    /// </param>
    /// <param name="refuse">Takes reasons: code and message.</param>
    public readonly uint Resolve(uint supported, bool isKvm, Action<string, string> refuse)
    {
        var required = isKvm ? supported : PowersOfTwo;
        if (On == 0 && MaximumVq == 0)
            return Sve ? WithoutTheDisabled(supported, required, refuse) : 0;

        var largest = LargestOf(On);
        if (MaximumVq != 0 && largest > MaximumVq)
        {
            foreach (var vq in Descending(On & ~UpTo(MaximumVq)))
                refuse(QemuCpuProblems.CannotEnable, $"cannot enable sve{vq * 128}: it is larger than the maximum, sve-max-vq={MaximumVq} ({MaximumVq * 128} bits)");
            return 0;
        }

        var lengths = On | (required & ~Off & UpTo(largest));
        if (MaximumVq != 0)
        {
            largest = MaximumVq;
            if ((Off & Bit(largest)) != 0)
            {
                refuse(QemuCpuProblems.CannotDisable, $"cannot disable sve{largest * 128}: the maximum must be enabled, sve-max-vq={MaximumVq} ({MaximumVq * 128} bits)");
                return 0;
            }

            lengths |= ~Off & UpTo(largest);
        }

        Check(lengths, supported, required & UpTo(largest), largest, isKvm, refuse);
        if (!Sve)
            refuse(QemuCpuProblems.CannotEnable, $"cannot enable sve{largest * 128}: SVE itself is off; add sve=on");
        return lengths;
    }

    /// <summary>Nothing was enabled by name: an off of a required length takes everything above with it, another off only itself.</summary>
    private readonly uint WithoutTheDisabled(uint supported, uint required, Action<string, string> refuse)
    {
        var cut = Off & required;
        var lengths = supported & ~Off & (cut == 0 ? uint.MaxValue : UpTo(BitOperations.TrailingZeroCount(cut)));
        if (lengths == 0 && cut != 0)
        {
            var vq = BitOperations.TrailingZeroCount(cut) + 1;
            refuse(QemuCpuProblems.CannotDisable, $"cannot disable sve{vq * 128}: no vector length would remain, and with SVE at least one must");
        }

        return lengths;
    }

    private static void Check(uint lengths, uint supported, uint required, int largest, bool isKvm, Action<string, string> refuse)
    {
        var unsupported = lengths & ~supported;
        var missing = required & ~lengths;
        foreach (var vq in Descending(unsupported | missing))
        {
            if ((unsupported & Bit(vq)) != 0)
            {
                refuse(QemuCpuProblems.CannotEnable, supported == 0
                    ? $"cannot enable sve{vq * 128}: KVM on this host does not support SVE"
                    : $"cannot enable sve{vq * 128}: this CPU does not support {vq * 128} bits");
            }
            else
            {
                refuse(QemuCpuProblems.CannotDisable, isKvm
                    ? $"cannot disable sve{vq * 128}: KVM on this host requires all of its vector lengths smaller than {largest * 128} bits"
                    : $"cannot disable sve{vq * 128}: it is required as a power of two smaller than the maximum, sve{largest * 128}");
            }
        }
    }

    private static IEnumerable<int> Descending(uint lengths)
    {
        for (; lengths != 0; lengths &= ~Bit(LargestOf(lengths)))
            yield return LargestOf(lengths);
    }

    private static int LargestOf(uint lengths) => 32 - BitOperations.LeadingZeroCount(lengths);

    private static uint Bit(int vq) => 1u << (vq - 1);

    private static uint UpTo(int vq) => (uint)((1ul << vq) - 1);
}
