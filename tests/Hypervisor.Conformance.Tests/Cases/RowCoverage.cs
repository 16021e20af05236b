using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Which rows can be compared with the oracle, at which vector lengths, and what their operands must respect.</summary>
internal static class RowCoverage
{
    private static readonly int[] SveLengths = [16, 32, 48, 64, 128, 256];

    // Several AdvSIMD instructions of qemu 7.2 leave the register above bit 127 as it was, which the architecture zeroes; so the
    // oracle is asked at 128 bits only, and UpperVectorTests looks at the rest.
    private static readonly int[] OtherLengths = [16];

    /// <summary>Every row of the decode tables.</summary>
    public static IEnumerable<OpcodeInfo> Rows => Opcodes.Info.Skip(1);

    public static IEnumerable<OpcodeInfo> ComparableRows => Rows.Where(row => ReasonWithout(row) is null);

    public static bool IsSve(OpcodeInfo row) => row.Group.StartsWith("Sve", StringComparison.Ordinal);

    /// <summary>Vector lengths in bytes at which a row is run; 48 stands for those that are no power of two.</summary>
    public static IReadOnlyList<int> VectorLengths(OpcodeInfo row) =>
        !IsSve(row) ? OtherLengths : PermutesQuadwords(row) ? [16, 32, 64, 128, 256] : SveLengths;

    /// <summary>
    /// Permutes of 128-bit elements zero what does not fill a 256-bit pair of them; qemu 7.2 permutes that too.
    /// </summary>
    public static bool PermutesQuadwords(OpcodeInfo row) => row.Name.EndsWith("_zz_q", StringComparison.Ordinal);

    /// <summary>Why a row has no case, or null when it has.</summary>
    public static string? ReasonWithout(OpcodeInfo row) => row switch
    {
        { Feature: Feature.PAUTH } => "the pointer authentication algorithm is implementation defined",
        { Feature: Feature.RNG } => "its result is random",
        { Feature: Feature.MTE } => "user space has no tagged memory to compare with",
        { Group: "BaseSystem" } => "system instructions differ between the privileged engine and the user-space oracle",
        _ when row.Name.EndsWith("_exception", StringComparison.Ordinal) || row.Name.StartsWith("ERET", StringComparison.Ordinal)
            || row.Name.StartsWith("DRPS", StringComparison.Ordinal) => "exception generation and return need EL1",
        _ when row.Name.EndsWith("_hints", StringComparison.Ordinal) || row.Name.EndsWith("_barriers", StringComparison.Ordinal)
            || row.Name.EndsWith("_pstate", StringComparison.Ordinal) || row.Name.EndsWith("_systemmove", StringComparison.Ordinal)
            || row.Name.EndsWith("_systeminstrs", StringComparison.Ordinal) || row.Name.EndsWith("_systeminstrswithreg", StringComparison.Ordinal) =>
            "system instructions differ between the privileged engine and the user-space oracle",
        _ when row.Name.EndsWith("_unpriv", StringComparison.Ordinal) => "unprivileged accesses mean EL0, where the oracle already is",
        _ => null,
    };

    public static bool AccessesMemory(OpcodeInfo row) =>
        row.Group is "BaseLoadStore" or "BaseAtomic" or "SimdLoadStore" or "AdvSimdLoadStore" or "SveMemory";

    /// <summary>Acquire, release and exclusive accesses fault when unaligned (without FEAT_LSE2).</summary>
    public static bool RequiresAlignment(OpcodeInfo row) =>
        row.Name.Contains("excl", StringComparison.Ordinal) || row.Name.Contains("ldstord", StringComparison.Ordinal)
        || row.Name.Contains("apstl", StringComparison.Ordinal) || row.Name.Contains("LDAP", StringComparison.Ordinal);

    public static bool BranchesToRegister(OpcodeInfo row) => row.Name.EndsWith("_branch_reg", StringComparison.Ordinal);

    /// <summary>Rejects words whose behaviour the architecture leaves open, such as a load that writes its own base back.</summary>
    public static bool IsPredictable(RowPlan plan, uint word)
    {
        // A branch to itself never ends.
        if (plan.Row.Group == "BaseBranch" && plan.Fields.All.Any(field => field.Name.StartsWith("imm", StringComparison.Ordinal) && field.Extract(word) == 0))
            return false;
        // The scalar half-precision form of qemu 7.2 leaves the sign in the bits above the result.
        if (plan.Row.Name == "FCVTZS_asisdshf_C" && word >> 20 == 0x5f1)
            return false;
        var used = 0u;
        foreach (var field in plan.DistinctRegisters)
        {
            var bit = 1u << (int)field.Extract(word);
            if ((used & bit) != 0)
                return false;
            used |= bit;
        }

        return true;
    }
}
