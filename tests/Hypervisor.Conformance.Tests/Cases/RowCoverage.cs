using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Which rows can be compared with the oracle, at which vector lengths, and what their operands must respect.</summary>
internal static class RowCoverage
{
    /// <summary>Every row of the decode tables.</summary>
    public static IEnumerable<OpcodeInfo> Rows => Opcodes.Info.Skip(1);

    public static IEnumerable<OpcodeInfo> ComparableRows => Rows.Where(row => ReasonWithout(row) is null);

    public static bool IsSve(OpcodeInfo row) => row.Group.StartsWith("Sve", StringComparison.Ordinal);

    /// <summary>Why a row has no case, or null when it has.</summary>
    public static string? ReasonWithout(OpcodeInfo row) => row switch
    {
        { Feature: Feature.PAUTH } => "the pointer authentication algorithm is implementation defined",
        { Feature: Feature.RNG } => "its result is random",
        { Feature: Feature.MTE } => "user space has no tagged memory to compare with",
        { Name: "CFINV_M_pstate" or "XAFLAG_M_pstate" or "AXFLAG_M_pstate" } => null,
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
}
