namespace CloudVm.Hypervisor.Isa;

/// <summary>
/// The architecture feature that gates an encoding (the second column of a <c>.decode</c> row). Names are Arm's <c>FEAT_</c> names
/// without the prefix; <see cref="BASE"/> is Armv8.0-A.
/// </summary>
public enum Feature : byte
{
    BASE,
    FP,
    ASIMD,
    CRC32,
    LSE,
    LSE2,
    LOR,
    RDM,
    PAN,
    UAO,
    FP16,
    DPB,
    DPB2,
    SVE,
    SVE2,
    SVE2P1,
    SVE_AES,
    SVE_BITPERM,
    SVE_SHA3,
    SVE_SM4,
    SVE_PMULL128,

    /// <summary>BF16 in SVE: FEAT_SVE with FEAT_BF16.</summary>
    SVE_BF16,

    /// <summary>I8MM in SVE: FEAT_SVE with FEAT_I8MM.</summary>
    SVE_I8MM,

    AES,
    PMULL,
    SHA1,
    SHA256,
    SHA512,
    SHA3,
    SM3,
    SM4,
    DOTPROD,
    FHM,
    FCMA,
    JSCVT,
    LRCPC,
    LRCPC2,
    PAUTH,
    BTI,
    DIT,
    FLAGM,
    FLAGM2,
    FRINTTS,
    SB,
    SSBS,
    SPECRES,
    RNG,
    BF16,
    EBF16,
    I8MM,
    F32MM,
    F64MM,
    MTE,
    WFXT,
    MOPS,
    HBC,
    CSSC,
    TLBIRANGE,
    HAFDBS,
}
