using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Where qemu 7.2 is not asked, since it and the architecture differ or the architecture leaves the result open.</summary>
/// <param name="Rows">The rows concerned.</param>
/// <param name="Operands">The operands or states that are left out.</param>
/// <param name="Reason">What the architecture says, in its pseudocode's names, and what the oracle does.</param>
/// <param name="Test">The test of the engine's own behaviour there, as class and method.</param>
internal sealed record OracleException(string Rows, string Operands, string Reason, string Test);

/// <summary>The one list of exceptions from the comparison with the oracle, and the predicates that apply them.</summary>
internal static class OracleExceptions
{
    public static IReadOnlyList<OracleException> All { get; } =
    [
        new(
            "AdvSIMD and scalar floating point",
            "vectors longer than 128 bits",
            "the V[] accessor zeroes the register above bit 127; several instructions of qemu leave it as it was",
            $"{nameof(UpperVectorTests)}.{nameof(UpperVectorTests.Upper_part_is_zeroed_with_every_write)}"),
        new(
            "LDFF1*, LDNF1*",
            "inactive elements, and elements in the next page",
            "MemNF and MemFirst look at ElemP of the element; qemu takes the wrong predicate bits when the first element is inactive, and may stop at the end of a page",
            $"{nameof(FirstFaultTests)}.{nameof(FirstFaultTests.Inactive_elements_are_zero_and_leave_ffr_alone)}"),
        new(
            "LD2* to LD4*, ST2* to ST4* of SVE",
            "structures that cross a page",
            "each element is an access of its own (Mem, in order of elements); qemu aborts",
            $"{nameof(OracleExceptionTests)}.{nameof(OracleExceptionTests.Structures_may_cross_a_page)}"),
        new(
            "ZIP, UZP and TRN of 128-bit elements",
            "vector lengths that are no multiple of 256 bits",
            "pairs = VL DIV (esize * 2) of a result that starts as Zeros(); qemu permutes the last quadword too",
            $"{nameof(OracleExceptionTests)}.{nameof(OracleExceptionTests.Quadword_permutes_zero_what_fills_no_pair)}"),
        new(
            "FMMLA of doubles",
            "vector lengths that are no multiple of 256 bits",
            "UNDEFINED where no matrix fits, and the result starts as Zeros(); qemu executes it and keeps what fills no matrix",
            $"{nameof(OracleExceptionTests)}.{nameof(OracleExceptionTests.Matrices_of_doubles_zero_what_fills_no_matrix)}"),
        new(
            "FCVTZS_asisdshf_C",
            "half precision",
            "V[d, esize] zeroes the register above the element; qemu leaves copies of the sign there",
            $"{nameof(OracleExceptionTests)}.{nameof(OracleExceptionTests.Scalar_half_precision_to_fixed_point_zeroes_the_rest)}"),
        new(
            "UQXTNB, UQXTNT of 64-bit elements",
            "vectors longer than 512 bits",
            "SatQ(element, esize, TRUE) of UInt(element); where qemu calls its helper, it takes an element with the top bit set for a negative one",
            $"{nameof(OracleExceptionTests)}.{nameof(OracleExceptionTests.Large_unsigned_elements_saturate_to_all_ones)}"),
        new(
            "BaseLoadStore, BaseAtomic",
            "a transferred register that is also the base, the status or the other transferred register",
            "ConstrainUnpredictable decides (Unpredictable_WBOVERLAPLD and others)",
            $"{nameof(OracleExceptionTests)}.{nameof(OracleExceptionTests.Overlapping_registers_of_loads_and_stores_do_no_harm)}"),
    ];

    // qemu 7.2 also unzips predicates wrongly at some lengths that are no power of two, such as 240 bytes; 48 is right.
    private static readonly int[] SveLengths = [16, 32, 48, 64, 128, 256];
    private static readonly int[] QuadwordPermuteLengths = [16, 32, 64, 128, 256];
    private static readonly int[] DoubleMatrixLengths = [32, 64, 128, 256];
    private static readonly int[] OtherLengths = [16];

    // What qemu inlines depends on its host; up to this length it does on all of them.
    private const int InlinedVectorBytes = 64;
    private const uint ExtractsFromDoublewords = 1u << 22;

    /// <summary>Vector lengths in bytes at which the oracle runs a row; 48 stands for those that are no power of two.</summary>
    public static IReadOnlyList<int> VectorLengths(OpcodeInfo row) => row switch
    {
        _ when !RowCoverage.IsSve(row) => OtherLengths,
        { Name: "FMMLA_z_zzz_d" } => DoubleMatrixLengths,
        { Group: "SvePermute" } when row.Name.EndsWith("_zz_q", StringComparison.Ordinal) => QuadwordPermuteLengths,
        _ => SveLengths,
    };

    /// <summary>True for words that are not compared at a vector length.</summary>
    public static bool Exclude(RowPlan plan, int vectorBytes, uint word)
    {
        // Not a difference: a branch to itself never ends.
        if (plan.BranchOffset is { } offset && offset.Extract(word) == 0)
            return true;
        return plan.Row.Name switch
        {
            "FCVTZS_asisdshf_C" => word >> 20 == 0x5f1,
            "UQXTNB_z_zz" or "UQXTNT_z_zz" => vectorBytes > InlinedVectorBytes && (word & ExtractsFromDoublewords) != 0,
            _ => HasOverlap(plan, word),
        };
    }

    /// <summary>True when two registers of a load or store that must differ are the same.</summary>
    public static bool HasOverlap(RowPlan plan, uint word)
    {
        var used = 0u;
        foreach (var field in plan.DistinctRegisters)
        {
            var bit = 1u << (int)field.Extract(word);
            if ((used & bit) != 0)
                return true;
            used |= bit;
        }

        return false;
    }
}
