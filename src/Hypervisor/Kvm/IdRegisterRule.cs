using System.Collections.Frozen;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Which values a monitor may give an ID register before its VM runs: in each writable field a value that is safe in place of the host's,
/// everywhere else the host's (arm64_check_features).
/// </summary>
/// <param name="WritableMask">What KVM_ARM_GET_REG_WRITABLE_MASKS says. Fields that KVM does not know stay fixed inside it.</param>
/// <param name="Lower">Lowest bits of the four-bit fields whose smaller values are safe.</param>
internal sealed record IdRegisterRule(ulong WritableMask, params int[] Lower)
{
    private const int FieldBits = 4;

    /// <summary>The rules of the registers that have writable fields.</summary>
    public static FrozenDictionary<SystemRegister, IdRegisterRule> All { get; } = new Dictionary<SystemRegister, IdRegisterRule>
    {
        [SystemRegister.ID_DFR0_EL1] = new(0x0f00_000f, 24, 0) { IsAArch32 = true },
        [SystemRegister.ID_AA64PFR0_EL1] = new(0xffff_00f0_0f00_ffff, 60, 56, 48, 36, 24, 12, 8, 4, 0),
        [SystemRegister.ID_AA64PFR1_EL1] = new(0xf_0000_00ff, 4, 0),
        [SystemRegister.ID_AA64PFR2_EL1] = new(0xf_0000_0000, 32),
        [SystemRegister.ID_AA64ZFR0_EL1] = new(0x0ff0_ff0f_0fff_00ff, 56, 52, 44, 40, 32, 24, 20, 16, 4, 0),
        [SystemRegister.ID_AA64FPFR0_EL1] = new(0xf000_0003),
        [SystemRegister.ID_AA64DFR0_EL1] = new(0xf0_00f0_0f0f, 20, 8, 0) { SignedLower = [36] },
        [SystemRegister.ID_AA64ISAR0_EL1] = new(~0xful, 60, 56, 52, 48, 44, 40, 36, 32, 28, 20, 16, 12, 8, 4),
        [SystemRegister.ID_AA64ISAR1_EL1] = new(0xffff_ffff_00ff_f00f, 52, 48, 44, 40, 36, 32, 20, 16, 12, 0),
        [SystemRegister.ID_AA64ISAR2_EL1] = new(0xffff_0fff_ffff_00ff, 52, 48, 28, 20, 16, 4, 0),
        [SystemRegister.ID_AA64MMFR0_EL1] = new(0xff00_f000_ffff_ff0f, 60, 56, 44, 20, 16, 12, 8, 0) { SignedLower = [28, 24] },
        [SystemRegister.ID_AA64MMFR1_EL1] = new(0xffff_f0f0_0fff_f00f, 60, 52, 44, 36, 20, 16, 12, 0) { Higher = [24] },
        [SystemRegister.ID_AA64MMFR2_EL1] = new(0xf0ff_000f_f00f_ffff, 60, 52, 48, 32, 28, 16, 12, 8, 4, 0),
        [SystemRegister.ID_AA64MMFR3_EL1] = new(0xf_0f0f, 16, 8, 0),
        [SystemRegister.CTR_EL0] = new(0x300f_000f, 16, 0) { LowerBits = [29, 28] },
    }.ToFrozenDictionary();

    /// <summary>Fields in two's complement whose smaller values are safe: -1 means absent.</summary>
    public int[] SignedLower { get; init; } = [];

    /// <summary>Fields whose larger values are safe.</summary>
    public int[] Higher { get; init; } = [];

    /// <summary>Fields of one bit, of which 0 is safe.</summary>
    public int[] LowerBits { get; init; } = [];

    /// <summary>The register reads as zero on hosts without AArch32.</summary>
    public bool IsAArch32 { get; init; }

    /// <summary>Whether <paramref name="value"/> may stand in place of the host's <paramref name="limit"/>.</summary>
    public bool Allows(ulong value, ulong limit)
    {
        var fixedBits = ulong.MaxValue;
        foreach (var shift in Lower)
        {
            if (Field(value, shift) > Field(limit, shift))
                return false;
            fixedBits &= ~(0xful << shift);
        }

        foreach (var shift in SignedLower)
        {
            if (SignedField(value, shift) > SignedField(limit, shift))
                return false;
            fixedBits &= ~(0xful << shift);
        }

        foreach (var shift in Higher)
        {
            if (Field(value, shift) < Field(limit, shift))
                return false;
            fixedBits &= ~(0xful << shift);
        }

        foreach (var bit in LowerBits)
        {
            if ((value >> bit & 1) > (limit >> bit & 1))
                return false;
            fixedBits &= ~(1ul << bit);
        }

        return (value & fixedBits) == (limit & fixedBits);
    }

    private static ulong Field(ulong value, int shift) => value >> shift & 0xf;

    private static long SignedField(ulong value, int shift) => (long)(value << (64 - FieldBits - shift)) >> (64 - FieldBits);
}
