using System.Buffers.Binary;
using System.Globalization;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>
/// Makes test cases of a row of the decode tables: random operands in its fields and a machine state that suits them. The same
/// seed, row, vector length and index always give the same case.
/// </summary>
internal static class CaseGenerator
{
    public static MachineRecord Create(OpcodeInfo row, int vectorBytes, int index, ulong seed)
    {
        var random = new CaseRandom(seed ^ StableHash($"{row.Name}/{vectorBytes}/{index}"));
        var record = MachineRecord.Create(vectorBytes);
        var fields = RowFields.Parse(row);
        record.Word = MakeWord(row, fields, random);
        FillRegisters(record, random);
        if (RowCoverage.AccessesMemory(row))
            PointIntoScratch(row, fields, record, random);
        if (RowCoverage.BranchesToRegister(row))
            SetGeneral(record, fields, "Rn", Layout.CodeBase + ((ulong)random.Below((int)(Layout.Slot - Layout.CodeBase) / 4) * 4));
        return record;
    }

    private static uint MakeWord(OpcodeInfo row, RowFields fields, CaseRandom random)
    {
        for (var attempt = 0; attempt < 100_000; attempt++)
        {
            var word = ((uint)random.Next() & ~row.Mask) | row.Value;
            foreach (var field in fields.All)
            {
                // Immediates at their limits, registers at XZR and SP, more often than by chance.
                if (random.OneIn(8))
                    word = field.Insert(word, random.OneIn(2) ? 0 : uint.MaxValue);
            }

            if (Decoder.Decode(word).ToString() == row.Name && RowCoverage.IsPredictable(row, fields, word))
                return word;
        }

        throw new InvalidOperationException($"No word of {row.Name} was found.");
    }

    private static void FillRegisters(MachineRecord record, CaseRandom random)
    {
        foreach (ref var x in record.X)
            x = OperandValues.General(random);
        record.Sp = Layout.ScratchMiddle + ((ulong)random.Below(64) * 16);
        record.Nzcv = (uint)random.Below(16) << 28;

        const uint ModeBits = (3u << 22) | (1u << 24) | (1u << 25) | (1u << 19) | (1u << 26);
        record.Fpcr = random.OneIn(2) ? 0 : (uint)random.Next() & ModeBits;
        record.Fpsr = random.Pick([0u, 0u, 0x10u, 0x0800_009fu]);

        var width = random.OneIn(4) ? 8 << random.Below(4) : 8 << (int)(record.Word >> 22 & 3);
        if (random.OneIn(3))
            width = random.Pick([16, 32, 64]);
        var style = random.Below(6);
        for (var i = 0; i < 32; i++)
            OperandValues.Fill(record.Z(i), width, random.OneIn(4) ? random.Below(6) : style, random);
        for (var i = 0; i < 16; i++)
            OperandValues.FillPredicate(record.P(i), random);
        if (random.OneIn(2))
            record.P(16).Fill(0xFF);
        else
            OperandValues.FillPredicate(record.P(16), random);
    }

    private static void PointIntoScratch(OpcodeInfo row, RowFields fields, MachineRecord record, CaseRandom random)
    {
        record.UsesMemory = 1;
        var vectorForm = row.Name.Contains("_ai_", StringComparison.Ordinal);
        var gather = row.Name.Contains("_bz_", StringComparison.Ordinal);
        var mustAlign = row.Group == "BaseAtomic" || RowCoverage.RequiresAlignment(row);
        var address = Layout.ScratchMiddle + ((ulong)random.Below(64) * 16);
        if (!mustAlign && random.OneIn(2))
            address += (ulong)random.Below(16);

        // Seldom next to the end of the mapped memory, where some elements fault and others do not.
        // A store-exclusive that fails anyway need not fault.
        if (random.OneIn(8) && !row.Name.Contains("excl", StringComparison.Ordinal))
            address = Layout.ScratchBase + Layout.ScratchBytes - ((ulong)random.Below(8) * 16);

        // qemu 7.2 pairs elements with the wrong predicate bits in first-fault and non-fault loads whose first element is not
        // active, and may give up at the end of a page: those are left to FirstFaultTests.
        var speculative = row.Name.StartsWith("LDNF1", StringComparison.Ordinal) || row.Name.StartsWith("LDFF1", StringComparison.Ordinal);
        if (speculative && fields.Find("Pg") is { } governing)
            record.P((int)governing.Extract(record.Word)).Fill(0xFF);

        // It also aborts when a structure of an SVE structure access crosses a page.
        var structures = row.Group == "SveMemory" && (row.Name[..2] is "LD" or "ST") && (row.Name[2] is '2' or '3' or '4');
        if (structures || speculative)
        {
            address = Layout.ScratchMiddle + 1024 + ((ulong)random.Below(64) * 16);
            if (fields.Find("imm4") is { } multiple)
                record.Word = multiple.Insert(record.Word, 0);
        }

        SetGeneral(record, fields, "Rm", random.OneIn(2) ? (ulong)random.Below(64) : 0 - (ulong)random.Below(64));
        if (fields.Find("imm19") is { } literal)
            record.Word = literal.Insert(record.Word, (uint)((Layout.ScratchMiddle - Layout.Slot) / 4) + (uint)random.Below(64));
        SetGeneral(record, fields, "Rn", address);
        var narrow = row.Name.Contains("_s_x32", StringComparison.Ordinal) || row.Name.EndsWith("_ai_s", StringComparison.Ordinal);
        if (gather && fields.Find("Zm") is { } offsets)
            FillOffsets(record.Z((int)offsets.Extract(record.Word)), narrow, 0, speculative, random);
        if (vectorForm && fields.Find("Zn") is { } addresses)
            FillOffsets(record.Z((int)addresses.Extract(record.Word)), narrow, Layout.ScratchMiddle, speculative, random);
    }

    private static void FillOffsets(Span<byte> register, bool narrow, ulong start, bool aligned, CaseRandom random)
    {
        var reach = random.OneIn(8) ? 20_000 : 512;
        for (var at = 0; at < register.Length; at += narrow ? 4 : 8)
        {
            var value = start + (ulong)(random.Below(2 * reach) - reach);
            if (aligned)
                value &= ~7ul;
            if (narrow)
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

    private static ulong StableHash(string text)
    {
        var hash = 0xcbf29ce484222325ul;
        foreach (var c in text)
            hash = (hash ^ c) * 0x100000001b3ul;
        return hash;
    }
}

/// <summary>An operand field: its pieces from the high part to the low.</summary>
internal sealed record RowField(string Name, (int Shift, int Width)[] Parts)
{
    public uint Extract(uint word) =>
        Parts.Aggregate(0u, (value, part) => (value << part.Width) | ((word >> part.Shift) & (uint)((1ul << part.Width) - 1)));

    public uint Insert(uint word, uint value)
    {
        foreach (var (shift, width) in Parts.Reverse())
        {
            var mask = (uint)((1ul << width) - 1);
            word = (word & ~(mask << shift)) | ((value & mask) << shift);
            value = width == 32 ? 0 : value >> width;
        }

        return word;
    }
}

/// <summary>A row's fields, parsed from <see cref="OpcodeInfo.FieldList"/>.</summary>
internal sealed record RowFields(IReadOnlyList<RowField> All)
{
    public static RowFields Parse(OpcodeInfo row)
    {
        var fields = new List<RowField>();
        foreach (var text in row.FieldList.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var halves = text.TrimStart('-').Split('=');
            var parts = halves[1].Split('+').Select(part => part.Split(':')).Select(numbers => (Number(numbers[0]), Number(numbers[1])));
            fields.Add(new RowField(halves[0], parts.ToArray()));
        }

        return new RowFields(fields);
    }

    public RowField? Find(string name) => All.FirstOrDefault(field => field.Name == name);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
