using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Host;

/// <summary>What the engine executes completely, and therefore what ID registers may advertise.</summary>
public static class EngineFeatures
{
    /// <summary>The features of every built-in host profile. Of SVE falls away what a host's vector lengths do not allow.</summary>
    public static CpuFeatures Implemented { get; } = CpuFeatures.Of(
        Feature.FP, Feature.ASIMD, Feature.CRC32, Feature.LSE, Feature.PAN, Feature.UAO, Feature.SVE,
        Feature.TLBIRANGE, Feature.HAFDBS,
        Feature.RDM, Feature.FP16, Feature.FHM, Feature.DOTPROD, Feature.FCMA, Feature.JSCVT, Feature.LRCPC, Feature.LRCPC2,
        Feature.FRINTTS, Feature.FLAGM, Feature.FLAGM2, Feature.BF16, Feature.I8MM, Feature.SVE_BF16, Feature.SVE_I8MM,
        Feature.SVE2, Feature.SVE_AES, Feature.SVE_PMULL128, Feature.SVE_BITPERM, Feature.SVE_SHA3, Feature.SVE_SM4,
        Feature.F32MM, Feature.F64MM,
        Feature.AES, Feature.PMULL, Feature.SHA1, Feature.SHA256, Feature.SHA512, Feature.SHA3, Feature.SM3, Feature.SM4,
        Feature.DPB, Feature.DPB2, Feature.SB, Feature.SSBS, Feature.DIT, Feature.SPECRES, Feature.RNG, Feature.LSE2,
        Feature.PAUTH, Feature.BTI);
}
