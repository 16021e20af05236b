using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Encodings;

/// <summary>Whether a row is what binutils call it.</summary>
internal static class RowMnemonics
{
    // Rows whose mnemonic has suffixes chosen by operand bits: acquire, release, the "2" of upper halves.
    private static readonly string[] Suffixes = ["2", "a", "l", "al", "ab", "lb", "alb", "ah", "lh", "alh"];

    /// <summary>True when a word of <paramref name="row"/> may have a mnemonic.</summary>
    public static bool Agree(OpcodeInfo row, string mnemonic)
    {
        var name = row.Name.Split('_')[0].ToLowerInvariant();
        if (mnemonic == name || row.Name.EndsWith("_hints", StringComparison.Ordinal) || row.Name.EndsWith("_barriers", StringComparison.Ordinal))
            return true;
        if (row.Name == "B_only_condbranch")
            return mnemonic.StartsWith("b.", StringComparison.Ordinal);

        // Atomics keep their size letter last: LDADDB with acquire is ldaddab. Exclusives: LDXRB with release is stlxrb.
        var atomic = row.Group == "BaseAtomic";
        var stem = atomic ? name.TrimEnd('b', 'h') : name;
        return Array.Exists(Suffixes, suffix => mnemonic == stem + suffix || mnemonic == name + suffix)
            || (atomic && (mnemonic == name.Replace("ldx", "ldax", StringComparison.Ordinal) || mnemonic == name.Replace("stx", "stlx", StringComparison.Ordinal)));
    }
}
