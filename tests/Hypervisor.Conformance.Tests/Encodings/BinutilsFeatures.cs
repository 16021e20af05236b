using CloudVm.Hypervisor.Conformance.Tests.Oracle;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Encodings;

/// <summary>Which feature an instruction belongs to, found out by asking the assembler with ever more of them.</summary>
internal static class BinutilsFeatures
{
    /// <summary>The name for what no probe accepts.</summary>
    public const string Unknown = "unknown";

    // In this order, so that an instruction is ascribed to the first feature that suffices. Names that are no member of the enum are
    // features that the engine does not know.
    private static readonly (string Name, string Architecture)[] Probes =
    [
        (nameof(Feature.BASE), "armv8-a+nofp"),
        (nameof(Feature.FP), "armv8-a+nosimd"),
        (nameof(Feature.ASIMD), "armv8-a"),
        (nameof(Feature.CRC32), "armv8-a+crc"),
        (nameof(Feature.LSE), "armv8-a+lse"),
        (nameof(Feature.LOR), "armv8-a+lor"),
        (nameof(Feature.PAN), "armv8-a+pan"),
        (nameof(Feature.RDM), "armv8-a+rdma"),
        ("DPB", "armv8.2-a+nosimd"),
        (nameof(Feature.FP16), "armv8.2-a+fp16"),
        (nameof(Feature.DOTPROD), "armv8.2-a+dotprod"),
        (nameof(Feature.FHM), "armv8.2-a+fp16fml"),
        (nameof(Feature.AES), "armv8.2-a+aes"),
        (nameof(Feature.SHA256), "armv8.2-a+sha2"),
        (nameof(Feature.SHA3), "armv8.2-a+sha3"),
        (nameof(Feature.SM4), "armv8.2-a+sm4"),
        (nameof(Feature.LRCPC), "armv8-a+rcpc"),
        (nameof(Feature.FCMA), "armv8-a+compnum"),
        (nameof(Feature.PAUTH), "armv8-a+pauth"),
        (nameof(Feature.FLAGM), "armv8-a+flagm"),
        (nameof(Feature.SB), "armv8-a+sb"),
        (nameof(Feature.SPECRES), "armv8-a+predres"),
        (nameof(Feature.SSBS), "armv8-a+ssbs"),
        (nameof(Feature.RNG), "armv8-a+rng"),
        (nameof(Feature.BF16), "armv8.2-a+bf16"),
        (nameof(Feature.I8MM), "armv8.2-a+i8mm"),
        (nameof(Feature.JSCVT), "armv8.3-a"),
        (nameof(Feature.LRCPC2), "armv8.4-a"),
        (nameof(Feature.FRINTTS), "armv8.5-a"),
        (nameof(Feature.MTE), "armv8.5-a+memtag"),
        (nameof(Feature.SVE), "armv8.2-a+sve"),
        (nameof(Feature.F32MM), "armv8.2-a+f32mm"),
        (nameof(Feature.F64MM), "armv8.2-a+f64mm"),
        (nameof(Feature.SVE_BF16), "armv8.2-a+sve+bf16"),
        (nameof(Feature.SVE_I8MM), "armv8.2-a+sve+i8mm"),
        (nameof(Feature.SVE2), "armv8.2-a+sve2"),
        (nameof(Feature.SVE_AES), "armv8.2-a+sve2-aes"),
        (nameof(Feature.SVE_BITPERM), "armv8.2-a+sve2-bitperm"),
        (nameof(Feature.SVE_SHA3), "armv8.2-a+sve2-sha3"),
        (nameof(Feature.SVE_SM4), "armv8.2-a+sve2-sm4"),
        (nameof(Feature.MOPS), "armv8-a+mops"),
        (nameof(Feature.HBC), "armv8-a+hbc"),
        (nameof(Feature.CSSC), "armv8-a+cssc"),
        (nameof(Feature.WFXT), "armv8.7-a"),
        ("LS64", "armv8.7-a+ls64"),
        ("TME", "armv8-a+tme"),
        ("SME", "armv9-a+sme+sme-f64+sme-i64"),
        ("later than Armv8.7", "armv9.3-a+mops+sme+memtag"),
    ];

    /// <summary>The feature of each instruction, and <see cref="Unknown"/> where the assembler accepts it with none.</summary>
    public static string[] Find(IReadOnlyList<string> instructions)
    {
        var result = new string[instructions.Count];
        Array.Fill(result, Unknown);
        var open = Enumerable.Range(0, instructions.Count).ToList();
        var sources = instructions.Select(WithoutTarget).ToArray();
        foreach (var (name, architecture) in Probes)
        {
            if (open.Count == 0)
                break;
            var accepted = Binutils.Assembles(open.ConvertAll(i => sources[i]), architecture);
            foreach (var i in open.Where((_, position) => accepted[position]))
                result[i] = Refine(name, sources[i]);
            open = open.Where((_, position) => !accepted[position]).ToList();
        }

        return result;
    }

    /// <summary>True when the engine advertises a feature of this name.</summary>
    public static bool IsAdvertised(string name) => Enum.TryParse<Feature>(name, out var feature) && EngineFeatures.Implemented.Has(feature);

    // The assembler has one switch for several of Arm's features.
    private static string Refine(string name, string source) => name switch
    {
        nameof(Feature.SHA256) when source.StartsWith("sha1", StringComparison.Ordinal) => nameof(Feature.SHA1),
        nameof(Feature.SHA256) when source.StartsWith("sha512", StringComparison.Ordinal) => nameof(Feature.SHA512),
        nameof(Feature.SM4) when source.StartsWith("sm3", StringComparison.Ordinal) => nameof(Feature.SM3),
        nameof(Feature.FLAGM) when source is "axflag" or "xaflag" => nameof(Feature.FLAGM2),
        _ => name,
    };

    // A branch goes to an address that another place in a file cannot reach.
    private static string WithoutTarget(string source) => source.StartsWith("bc.", StringComparison.Ordinal) ? source.Split(' ')[0] + " ." : source;
}
