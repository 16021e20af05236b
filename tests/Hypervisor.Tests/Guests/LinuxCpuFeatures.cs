using System.Globalization;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>
/// What Linux 6.1 lists as CPU features for given identification registers: the rules of its <c>Documentation/arm64/elf_hwcaps.rst</c>,
/// where a name stands for "field at least N".
/// </summary>
internal static class LinuxCpuFeatures
{
    private static readonly (string Name, string Register, int Shift, ulong AtLeast)[] Rules =
    [
        ("aes", "ID_AA64ISAR0_EL1", 4, 1), ("pmull", "ID_AA64ISAR0_EL1", 4, 2), ("sha1", "ID_AA64ISAR0_EL1", 8, 1),
        ("sha2", "ID_AA64ISAR0_EL1", 12, 1), ("sha512", "ID_AA64ISAR0_EL1", 12, 2), ("crc32", "ID_AA64ISAR0_EL1", 16, 1),
        ("atomics", "ID_AA64ISAR0_EL1", 20, 2), ("asimdrdm", "ID_AA64ISAR0_EL1", 28, 1), ("sha3", "ID_AA64ISAR0_EL1", 32, 1),
        ("sm3", "ID_AA64ISAR0_EL1", 36, 1), ("sm4", "ID_AA64ISAR0_EL1", 40, 1), ("asimddp", "ID_AA64ISAR0_EL1", 44, 1),
        ("asimdfhm", "ID_AA64ISAR0_EL1", 48, 1), ("flagm", "ID_AA64ISAR0_EL1", 52, 1), ("flagm2", "ID_AA64ISAR0_EL1", 52, 2),
        ("rng", "ID_AA64ISAR0_EL1", 60, 1),
        ("dcpop", "ID_AA64ISAR1_EL1", 0, 1), ("dcpodp", "ID_AA64ISAR1_EL1", 0, 2), ("jscvt", "ID_AA64ISAR1_EL1", 12, 1),
        ("fcma", "ID_AA64ISAR1_EL1", 16, 1), ("lrcpc", "ID_AA64ISAR1_EL1", 20, 1), ("ilrcpc", "ID_AA64ISAR1_EL1", 20, 2),
        ("frint", "ID_AA64ISAR1_EL1", 32, 1), ("sb", "ID_AA64ISAR1_EL1", 36, 1), ("bf16", "ID_AA64ISAR1_EL1", 44, 1),
        ("ebf16", "ID_AA64ISAR1_EL1", 44, 2), ("dgh", "ID_AA64ISAR1_EL1", 48, 1), ("i8mm", "ID_AA64ISAR1_EL1", 52, 1),
        ("paca", "ID_AA64ISAR1_EL1", 4, 1), ("paca", "ID_AA64ISAR1_EL1", 8, 1), ("paca", "ID_AA64ISAR2_EL1", 12, 1),
        ("pacg", "ID_AA64ISAR1_EL1", 24, 1), ("pacg", "ID_AA64ISAR1_EL1", 28, 1), ("pacg", "ID_AA64ISAR2_EL1", 8, 1),
        ("wfxt", "ID_AA64ISAR2_EL1", 0, 2), ("rpres", "ID_AA64ISAR2_EL1", 4, 1),
        ("fphp", "ID_AA64PFR0_EL1", 16, 1), ("asimdhp", "ID_AA64PFR0_EL1", 20, 1), ("sve", "ID_AA64PFR0_EL1", 32, 1),
        ("dit", "ID_AA64PFR0_EL1", 48, 1),
        ("bti", "ID_AA64PFR1_EL1", 0, 1), ("ssbs", "ID_AA64PFR1_EL1", 4, 2), ("mte", "ID_AA64PFR1_EL1", 8, 2), ("mte3", "ID_AA64PFR1_EL1", 8, 3),
        ("uscat", "ID_AA64MMFR2_EL1", 32, 1), ("ecv", "ID_AA64MMFR0_EL1", 60, 1), ("afp", "ID_AA64MMFR1_EL1", 44, 1),
        ("sve2", "ID_AA64ZFR0_EL1", 0, 1), ("sveaes", "ID_AA64ZFR0_EL1", 4, 1), ("svepmull", "ID_AA64ZFR0_EL1", 4, 2),
        ("svebitperm", "ID_AA64ZFR0_EL1", 16, 1), ("svebf16", "ID_AA64ZFR0_EL1", 20, 1), ("sveebf16", "ID_AA64ZFR0_EL1", 20, 2),
        ("svesha3", "ID_AA64ZFR0_EL1", 32, 1), ("svesm4", "ID_AA64ZFR0_EL1", 40, 1), ("svei8mm", "ID_AA64ZFR0_EL1", 44, 1),
        ("svef32mm", "ID_AA64ZFR0_EL1", 52, 1), ("svef64mm", "ID_AA64ZFR0_EL1", 56, 1),
    ];

    /// <summary>Names in order, for registers as the control protocol shows them (hexadecimal text by name).</summary>
    public static string[] Expected(IReadOnlyDictionary<string, string> registers)
    {
        // Always there: the floating point that this product's CPUs have, the counter's events, and readable ID registers.
        SortedSet<string> names = new(["fp", "asimd", "evtstrm", "cpuid"], StringComparer.Ordinal);
        foreach (var (name, register, shift, atLeast) in Rules)
        {
            if (((Value(registers, register) >> shift) & 0xf) >= atLeast)
                names.Add(name);
        }

        return [.. names];
    }

    /// <summary>Names in order from one CPU's paragraph of <c>/proc/cpuinfo</c>.</summary>
    public static string[] Listed(string paragraph)
    {
        const string Label = "Features\t: ";
        var line = paragraph.Split('\n').Single(l => l.StartsWith(Label, StringComparison.Ordinal));
        return [.. line[Label.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
    }

    private static ulong Value(IReadOnlyDictionary<string, string> registers, string name) =>
        ulong.Parse(registers[name].AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
