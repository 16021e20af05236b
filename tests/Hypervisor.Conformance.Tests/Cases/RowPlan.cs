using System.Collections.Frozen;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>What the case generator must know about a row, worked out once: hundreds of cases are made from it.</summary>
internal sealed class RowPlan
{
    private static readonly FrozenDictionary<string, RowPlan> Plans =
        Opcodes.Info.Select((row, index) => new RowPlan(row, index)).Skip(1).ToFrozenDictionary(plan => plan.Row.Name, StringComparer.Ordinal);

    private RowPlan(OpcodeInfo row, int opcode)
    {
        Row = row;
        Opcode = (Opcode)opcode;
        Fields = RowFields.Parse(row);
        NameHash = StateHash.OfText(row.Name);
        AccessesMemory = RowCoverage.AccessesMemory(row);
        MustAlign = row.Group == "BaseAtomic" || RowCoverage.RequiresAlignment(row);
        BranchOffset = row.Group == "BaseBranch" ? Array.Find(Fields.All, field => field.Name.StartsWith("imm", StringComparison.Ordinal)) : null;
        BranchesToRegister = RowCoverage.BranchesToRegister(row);
        DistinctRegisters = row.Group is "BaseLoadStore" or "BaseAtomic"
            ? Fields.All.Where(field => field.Name is "Rt" or "Rt2" or "Rs" or "Rn").ToArray()
            : [];
        IsStoreExclusive = row.Name.Contains("excl", StringComparison.Ordinal);
        IsSpeculative = row.Name.StartsWith("LDNF1", StringComparison.Ordinal) || row.Name.StartsWith("LDFF1", StringComparison.Ordinal);
        IsStructure = row.Group == "SveMemory" && (row.Name[..2] is "LD" or "ST") && (row.Name[2] is '2' or '3' or '4');
        VectorOffsets = row.Name.Contains("_bz_", StringComparison.Ordinal) ? Fields.Find("Zm") : null;
        VectorBase = row.Name.Contains("_ai_", StringComparison.Ordinal) || row.Name.Contains("_ar_", StringComparison.Ordinal) ? Fields.Find("Zn") : null;
        NarrowAddresses = row.Name.Contains("_s_x32", StringComparison.Ordinal) || row.Name.EndsWith("_ai_s", StringComparison.Ordinal);
        Governing = Fields.Find("Pg");
        TakesBFloat16 = row.Feature is Feature.BF16 or Feature.SVE_BF16;
    }

    public OpcodeInfo Row { get; }

    public Opcode Opcode { get; }

    public RowFields Fields { get; }

    public ulong NameHash { get; }

    public bool AccessesMemory { get; }

    /// <summary>Its accesses fault when unaligned.</summary>
    public bool MustAlign { get; }

    public bool BranchesToRegister { get; }

    /// <summary>The offset of a direct branch.</summary>
    public RowField? BranchOffset { get; }

    /// <summary>Registers of which no two may be the same, since the architecture leaves open what then happens.</summary>
    public RowField[] DistinctRegisters { get; }

    public bool IsStoreExclusive { get; }

    /// <summary>First-fault and non-fault loads.</summary>
    public bool IsSpeculative { get; }

    /// <summary>SVE accesses to structures of two to four elements.</summary>
    public bool IsStructure { get; }

    /// <summary>The vector of offsets of a gather or scatter.</summary>
    public RowField? VectorOffsets { get; }

    /// <summary>The vector of addresses of a gather or scatter.</summary>
    public RowField? VectorBase { get; }

    /// <summary>Those vectors have 32-bit elements.</summary>
    public bool NarrowAddresses { get; }

    /// <summary>The governing predicate.</summary>
    public RowField? Governing { get; }

    /// <summary>Its operands are BFloat16 numbers.</summary>
    public bool TakesBFloat16 { get; }

    public static RowPlan Of(OpcodeInfo row) => Plans[row.Name];
}
