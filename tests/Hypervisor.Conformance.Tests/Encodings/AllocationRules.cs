using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Encodings;

/// <summary>
/// Every reason why decoder and objdump may disagree on whether a word is an instruction. What none of them covers is a mistake in
/// the tables.
/// </summary>
internal static class AllocationRules
{
    private const string NotAdvertised = "the feature is not advertised";

    private static readonly (string Reason, Func<uint, string, bool> Applies)[] Lacking =
    [
        ("UDF is permanently UNDEFINED", (word, _) => word >> 16 == 0),
        ("system registers, instructions and PSTATE fields that do not exist here: objdump prints any number", (word, _) => IsSystemSpace(word)),
        ("DCPS1 to DCPS3, DRPS and HLT are UNDEFINED outside Debug state", (word, _) =>
            (word & 0xffe0_001c) == 0xd4a0_0000 || word == 0xd6bf_03e0 || (word & 0xffe0_001f) == 0xd440_0000),
        ("FEAT_LS64, whose forms the assembler does not all accept", (word, _) => (word & 0xffe0_cc00) == 0xf820_8000),
        ("FMLAL and FMLSL by vectors are UNDEFINED with sz set, which objdump ignores", (word, _) =>
            (word & 0xbf60_fc00) is 0x0e60_ec00 or 0x2e60_cc00),
        ("an immediate for bytes that is shifted by 8 is UNDEFINED", (word, _) =>
            (word & 0xfff0_a000) == 0x0510_2000 || (word & 0xffff_e000) == 0x2538_e000 || (word & 0xfff8_e000) == 0x2520_e000),
    ];

    private static readonly (string Reason, Func<OpcodeInfo, uint, bool> Applies)[] Surplus =
    [
        // The architecture lets a PE ignore should-be-one bits.
        ("CONSTRAINED UNPREDICTABLE: should-be-one bits of Rs or Rt2", (row, word) =>
            row.Name.EndsWith("_ldstord", StringComparison.Ordinal) && (word & 0x001f_7c00) != 0x001f_7c00),
        ("CONSTRAINED UNPREDICTABLE: a pair load into one register, or over its base", (row, word) =>
            row.Name.StartsWith("LDPSW", StringComparison.Ordinal) && ((word & 31) == (word >> 10 & 31) || (word & 31) == (word >> 5 & 31) || (word >> 10 & 31) == (word >> 5 & 31))),
    ];

    /// <summary>Every reason, as the report lists them.</summary>
    public static IEnumerable<string> Reasons =>
        Lacking.Select(rule => $"only objdump: {rule.Reason}").Append($"only objdump: {NotAdvertised}").Concat(Surplus.Select(rule => $"only the engine: {rule.Reason}"));

    /// <summary>Hints, barriers, PSTATE accesses, system instructions and system registers.</summary>
    public static bool IsSystemSpace(uint word) => word >> 22 == 0b11_0101_0100;

    /// <summary>Why objdump knows an instruction and the engine does not, or null.</summary>
    /// <param name="feature">The feature that the assembler wants for it.</param>
    public static string? ExplainLacking(uint word, string feature)
    {
        foreach (var (reason, applies) in Lacking)
        {
            if (applies(word, feature))
                return reason;
        }

        return feature == BinutilsFeatures.Unknown || BinutilsFeatures.IsAdvertised(feature) ? null : NotAdvertised;
    }

    /// <summary>Why the engine knows an instruction and objdump does not, or null.</summary>
    public static string? ExplainSurplus(OpcodeInfo row, uint word) => Array.Find(Surplus, rule => rule.Applies(row, word)).Reason;
}
