using System.Buffers.Binary;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>
/// Makes test cases of a row of the decode tables: random operands in its fields and a machine state that suits them. The same
/// seed, row, vector length and index always give the same case, as long as the same words decode to the row.
/// </summary>
internal static class CaseGenerator
{
    public static MachineRecord Create(OpcodeInfo row, int vectorBytes, int index, ulong seed)
    {
        var record = MachineRecord.Create(vectorBytes);
        Fill(record, RowPlan.Of(row), index, seed);
        return record;
    }

    /// <summary>Makes a record the case of an index at the record's vector length.</summary>
    public static void Fill(MachineRecord record, RowPlan plan, int index, ulong seed)
    {
        var random = new CaseRandom(StateHash.Combine(plan.NameHash ^ seed, ((ulong)record.VectorBytes << 40) + (ulong)index));
        record.Bytes.AsSpan().Clear();
        record.Word = MakeWord(plan, record.VectorBytes, random);
        FillRegisters(record, OperandPools.Of(seed), random);
        if (plan.TakesBFloat16 && random.OneIn(2))
        {
            for (var i = 0; i < 32; i++)
                OperandValues.FillBFloat16(record.Z(i), random);
        }

        record.Fpcr = CaseSchedule.Fpcr(record.VectorBytes, index, random);
        if (plan.AccessesMemory)
            PointIntoScratch(plan, record, random);
        if (plan.BranchesToRegister)
            SetGeneral(record, plan.Fields, "Rn", Layout.CodeBase + ((ulong)random.Below((int)(Layout.Slot - Layout.CodeBase) / 4) * 4));
    }

    /// <summary>A word that decodes to a row, with operands that the oracle can be asked about.</summary>
    private static uint MakeWord(RowPlan plan, int vectorBytes, CaseRandom random)
    {
        for (var attempt = 0; attempt < 100_000; attempt++)
        {
            var word = ((uint)random.Next() & ~plan.Row.Mask) | plan.Row.Value;
            foreach (var field in plan.Fields.All)
            {
                // Immediates at their limits, registers at XZR and SP, more often than by chance.
                if (random.OneIn(8))
                    word = field.Insert(word, random.OneIn(2) ? 0 : uint.MaxValue);
            }

            if (Decoder.Decode(word) == plan.Opcode && !OracleExceptions.Exclude(plan, vectorBytes, word))
                return word;
        }

        throw new InvalidOperationException($"No word of {plan.Row.Name} was found.");
    }

    private static void FillRegisters(MachineRecord record, OperandPools pools, CaseRandom random)
    {
        foreach (ref var x in record.X)
            x = OperandValues.General(random);
        record.Sp = Layout.ScratchMiddle + ((ulong)random.Below(64) * 16);
        record.Nzcv = (uint)random.Below(16) << 28;
        record.Fpsr = random.Pick([0u, 0u, 0x10u, 0x0800_009fu]);

        var width = random.OneIn(4) ? random.Below(4) : (int)(record.Word >> 22 & 3);
        if (random.OneIn(3))
            width = 1 + random.Below(3);
        var style = random.Below(OperandValues.Styles);
        for (var i = 0; i < 32; i++)
            pools.Fill(record.Z(i), width, random.OneIn(4) ? random.Below(OperandValues.Styles) : style, random);
        for (var i = 0; i < 16; i++)
            OperandValues.FillPredicate(record.P(i), random);
        if (random.OneIn(2))
            record.P(16).Fill(0xFF);
        else
            OperandValues.FillPredicate(record.P(16), random);
    }

    private static void PointIntoScratch(RowPlan plan, MachineRecord record, CaseRandom random)
    {
        var fields = plan.Fields;
        record.UsesMemory = 1;
        var address = Layout.ScratchMiddle + ((ulong)random.Below(64) * 16);
        if (!plan.MustAlign && random.OneIn(2))
            address += (ulong)random.Below(16);

        // Seldom next to the end of the mapped memory, where some elements fault and others do not.
        // A store-exclusive that fails anyway need not fault.
        if (random.OneIn(8) && !plan.IsStoreExclusive)
            address = Layout.ScratchBase + Layout.ScratchBytes - ((ulong)random.Below(8) * 16);

        if (plan.IsSpeculative && plan.Governing is { } governing)
            record.P((int)governing.Extract(record.Word)).Fill(0xFF);
        if (plan.IsStructure || plan.IsSpeculative)
        {
            address = Layout.ScratchMiddle + 1024 + ((ulong)random.Below(64) * 16);
            if (fields.Find("imm4") is { } multiple)
                record.Word = multiple.Insert(record.Word, 0);
        }

        SetGeneral(record, fields, "Rm", random.OneIn(2) ? (ulong)random.Below(64) : 0 - (ulong)random.Below(64));
        if (fields.Find("imm19") is { } literal)
            record.Word = literal.Insert(record.Word, (uint)((Layout.ScratchMiddle - Layout.Slot) / 4) + (uint)random.Below(64));
        SetGeneral(record, fields, "Rn", address);
        if (plan.VectorOffsets is { } offsets)
            FillOffsets(record.Z((int)offsets.Extract(record.Word)), plan, 0, random);
        if (plan.VectorBase is { } addresses)
            FillOffsets(record.Z((int)addresses.Extract(record.Word)), plan, Layout.ScratchMiddle, random);
    }

    private static void FillOffsets(Span<byte> register, RowPlan plan, ulong start, CaseRandom random)
    {
        var reach = random.OneIn(8) ? 20_000 : 512;
        for (var at = 0; at < register.Length; at += plan.NarrowAddresses ? 4 : 8)
        {
            var value = start + (ulong)(random.Below(2 * reach) - reach);
            if (plan.IsSpeculative)
                value &= ~7ul;
            if (plan.NarrowAddresses)
                BinaryPrimitives.WriteUInt32LittleEndian(register[at..], (uint)value);
            else
                BinaryPrimitives.WriteUInt64LittleEndian(register[at..], value);
        }
    }

    private static void SetGeneral(MachineRecord record, RowFields fields, string field, ulong value)
    {
        if (fields.Find(field) is not { } found)
            return;
        var number = (int)found.Extract(record.Word);
        if (number < 31)
            record.X[number] = value;
        else if (field == "Rn")
            record.Sp = value & ~15ul;
    }
}
