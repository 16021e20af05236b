using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// The host's values of the identification registers. They advertise a feature if and only if the engine decodes it, so a guest never
/// finds an instruction missing that it was promised; or if a fact of the host says so, and then RUN refuses to enter.
/// </summary>
internal static class IdRegisters
{
    /// <summary>ID_AA64PFR0_EL1.SVE.</summary>
    public const ulong Pfr0SveMask = 0xful << 32;

    /// <summary>ID_AA64ISAR1_EL1.APA, API, GPA, GPI.</summary>
    public const ulong Isar1PtrauthMask = (0xfful << 4) | (0xfful << 24);

    /// <summary>CTR_EL0 as the engine answers it: 64-byte lines, IDC, no DIC.</summary>
    public const ulong Ctr = 0x9444_c004;

    /// <summary>ID_AA64PFR1_EL1.MTE.</summary>
    public const ulong Pfr1MteMask = 0xf00;

    /// <summary>ID_DFR0_EL1.PerfMon.</summary>
    public const ulong Dfr0PerfMonMask = 0xful << 24;

    /// <summary>The host's value of an ID register (op0 3, CRn 0); what is not listed is zero.</summary>
    public static ulong HostValue(SystemRegister register, CpuFeatures features, HostFacts facts) => register switch
    {
        SystemRegister.CTR_EL0 => Ctr,
        < SystemRegister.ID_AA64PFR0_EL1 => facts.AArch32El0 ? AArch32Value(register) : 0,
        SystemRegister.ID_AA64PFR0_EL1 => Pfr0(features, facts),
        SystemRegister.ID_AA64PFR1_EL1 =>
            Field(0, features, Feature.BTI) | Field(4, features, Feature.SSBS, 2) | (facts.Mte ? 2ul << 8 : 0),
        SystemRegister.ID_AA64ZFR0_EL1 => Zfr0(features),
        SystemRegister.ID_AA64DFR0_EL1 => Dfr0 | (facts.Pmu ? PmuVer : 0),
        SystemRegister.ID_AA64ISAR0_EL1 => Isar0(features),
        SystemRegister.ID_AA64ISAR1_EL1 => Isar1(features),
        SystemRegister.ID_AA64ISAR2_EL1 => Field(0, features, Feature.WFXT, 2) | Field(16, features, Feature.MOPS)
            | Field(20, features, Feature.HBC) | Field(52, features, Feature.CSSC),
        SystemRegister.ID_AA64MMFR0_EL1 => Mmfr0,
        SystemRegister.ID_AA64MMFR1_EL1 => Field(0, features, Feature.HAFDBS, 2) | HierarchicalPermissionDisables
            | Field(16, features, Feature.LOR) | Field(20, features, Feature.PAN, 2),
        SystemRegister.ID_AA64MMFR2_EL1 => Field(4, features, Feature.UAO) | Field(32, features, Feature.LSE2),
        _ => 0,
    };

    /// <summary>Armv8 debug without double lock, 6 breakpoints of which one is context-aware, 4 watchpoints, no PMU.</summary>
    private const ulong Dfr0 =
        0xful << 36 | (SelfHostedDebug.WatchpointCount - 1) << 20 | (SelfHostedDebug.BreakpointCount - 1) << 12 | 6;

    /// <summary>ID_AA64DFR0_EL1.PMUVer: PMUv3 for Armv8.5.</summary>
    private const ulong PmuVer = 6 << 8;

    /// <summary>40-bit physical addresses, 16-bit ASIDs, granules of 4, 16 and 64 KiB.</summary>
    private const ulong Mmfr0 = 0x0010_0022;

    /// <summary>ID_AA64MMFR1_EL1.HPDS: TCR_EL1.HPD0 and HPD1 work.</summary>
    private const ulong HierarchicalPermissionDisables = 1 << 12;

    /// <summary>AArch32's registers on a host that has it at EL0, as a Cortex-A57 answers them.</summary>
    private static ulong AArch32Value(SystemRegister register) => (ushort)register switch
    {
        0xc008 => 0x0000_0131, // ID_PFR0_EL1
        0xc009 => 0x1001_1011, // ID_PFR1_EL1
        0xc00a => 0x0301_0066, // ID_DFR0_EL1
        0xc00c => 0x1020_1105, // ID_MMFR0_EL1
        0xc00d => 0x4000_0000, // ID_MMFR1_EL1
        0xc00e => 0x0126_0000, // ID_MMFR2_EL1
        0xc00f => 0x0210_2211, // ID_MMFR3_EL1
        0xc010 => 0x0210_1110, // ID_ISAR0_EL1
        0xc011 => 0x1311_2111, // ID_ISAR1_EL1
        0xc012 => 0x2123_2042, // ID_ISAR2_EL1
        0xc013 => 0x0111_2131, // ID_ISAR3_EL1
        0xc014 => 0x0001_1142, // ID_ISAR4_EL1
        0xc015 => 0x0001_1121, // ID_ISAR5_EL1
        0xc018 => 0x1011_0222, // MVFR0_EL1
        0xc019 => 0x1211_1111, // MVFR1_EL1
        0xc01a => 0x0000_0043, // MVFR2_EL1
        _ => 0,
    };

    private static ulong Field(int shift, CpuFeatures features, Feature feature, ulong value = 1) =>
        features.Has(feature) ? value << shift : 0;

    private static ulong Pfr0(CpuFeatures features, HostFacts facts)
    {
        var exceptionLevels = (facts.AArch32El0 ? 2ul : 1) | (facts.AArch32El1 ? 2ul : 1) << 4;
        const ulong GicSystemRegisters = 1ul << 24;
        const ulong Csv2AndCsv3 = (1ul << 56) | (1ul << 60); // speculation cannot leak where there is none
        var floatingPoint = features.Has(Feature.FP16) ? 1ul : features.Has(Feature.FP) ? 0ul : 0xf;
        var advSimd = features.Has(Feature.FP16) ? 1ul : features.Has(Feature.ASIMD) ? 0ul : 0xf;
        return exceptionLevels | (facts.Ras ? 1ul << 28 : 0) | (floatingPoint << 16) | (advSimd << 20) | GicSystemRegisters | Csv2AndCsv3
            | Field(32, features, Feature.SVE) | Field(48, features, Feature.DIT);
    }

    private static ulong Zfr0(CpuFeatures features) => !features.Has(Feature.SVE) ? 0
        : Field(0, features, Feature.SVE2)
        | (features.Has(Feature.SVE_PMULL128) ? 2ul << 4 : Field(4, features, Feature.SVE_AES))
        | Field(16, features, Feature.SVE_BITPERM)
        | Field(20, features, Feature.SVE_BF16)
        | Field(32, features, Feature.SVE_SHA3)
        | Field(40, features, Feature.SVE_SM4)
        | Field(44, features, Feature.SVE_I8MM)
        | Field(52, features, Feature.F32MM)
        | Field(56, features, Feature.F64MM);

    private static ulong Isar0(CpuFeatures features) =>
        (features.Has(Feature.PMULL) ? 2ul << 4 : Field(4, features, Feature.AES))
        | Field(8, features, Feature.SHA1)
        | (features.Has(Feature.SHA512) ? 2ul << 12 : Field(12, features, Feature.SHA256))
        | Field(16, features, Feature.CRC32)
        | Field(20, features, Feature.LSE, 2)
        | Field(28, features, Feature.RDM)
        | Field(32, features, Feature.SHA3)
        | Field(36, features, Feature.SM3)
        | Field(40, features, Feature.SM4)
        | Field(44, features, Feature.DOTPROD)
        | Field(48, features, Feature.FHM)
        | (features.Has(Feature.FLAGM2) ? 2ul << 52 : Field(52, features, Feature.FLAGM))
        | Field(56, features, Feature.TLBIRANGE, 2) // and FEAT_TLBIOS
        | Field(60, features, Feature.RNG);

    private static ulong Isar1(CpuFeatures features) =>
        (features.Has(Feature.DPB2) ? 2ul : Field(0, features, Feature.DPB))
        | Field(8, features, Feature.PAUTH) // API: an implementation-defined algorithm
        | Field(12, features, Feature.JSCVT)
        | Field(16, features, Feature.FCMA)
        | (features.Has(Feature.LRCPC2) ? 2ul << 20 : Field(20, features, Feature.LRCPC))
        | Field(28, features, Feature.PAUTH) // GPI
        | Field(32, features, Feature.FRINTTS)
        | Field(36, features, Feature.SB)
        | Field(40, features, Feature.SPECRES)
        | (features.Has(Feature.EBF16) ? 2ul << 44 : Field(44, features, Feature.BF16))
        | Field(52, features, Feature.I8MM);
}
