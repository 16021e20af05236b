using System.Globalization;
using System.Text;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Oracle;

/// <summary>A case on which engine and oracle disagree.</summary>
internal sealed record Disagreement(OpcodeInfo Row, MachineRecord Input, MachineRecord Ours, MachineRecord Theirs)
{
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Row.Name} {Input.Word:x8} VL={Input.VectorBytes * 8} fpcr={Input.Fpcr:x8} fpsr={Input.Fpsr:x8} nzcv={Input.Nzcv >> 28:x} (engine / oracle)\n");
        foreach (var line in Ours.Differences(Theirs))
            text.Append("  ").Append(line).Append('\n');
        foreach (var register in Operands())
            text.Append("  in ").Append(register).Append('\n');
        return text.ToString();
    }

    private IEnumerable<string> Operands()
    {
        yield return $"FFR: {MachineRecord.Hex(Input.P(16))}";
        foreach (var field in RowFields.Parse(Row).All)
        {
            var n = (int)field.Extract(Input.Word);
            if (field.Name.StartsWith('Z') || (field.Name.StartsWith('R') && n < 32 && !Row.Group.StartsWith("Base", StringComparison.Ordinal)) || field.Name.StartsWith('V'))
                yield return $"{field.Name}=Z{n}: {MachineRecord.Hex(Input.Z(n))}";
            if (field.Name.StartsWith('R') && n < 31)
                yield return $"{field.Name}=X{n}: {Input.X[n]:x16}";
            if (field.Name.StartsWith('P') && n < 16)
                yield return $"{field.Name}=P{n}: {MachineRecord.Hex(Input.P(n))}";
        }
    }
}

/// <summary>Runs the same generated cases in the engine and in the oracle.</summary>
internal static class Comparison
{
    /// <summary>Compares cases <paramref name="first"/> to first + count - 1 of each row at one vector length.</summary>
    public static List<Disagreement> Run(IReadOnlyList<OpcodeInfo> rows, int vectorBytes, int first, int count, ulong seed)
    {
        var inputs = new List<(OpcodeInfo Row, MachineRecord Record)>();
        foreach (var row in rows)
        {
            for (var i = first; i < first + count; i++)
                inputs.Add((row, CaseGenerator.Create(row, vectorBytes, i, seed)));
        }

        var theirs = QemuOracle.Run(inputs.ConvertAll(input => input.Record));
        var disagreements = new List<Disagreement>();
        using var runner = new InterpreterRunner();
        for (var i = 0; i < inputs.Count; i++)
        {
            var ours = runner.Run(inputs[i].Record);
            if (!ours.Bytes.AsSpan().SequenceEqual(theirs[i].Bytes))
                disagreements.Add(new Disagreement(inputs[i].Row, inputs[i].Record, ours, theirs[i]));
        }

        return disagreements;
    }

    /// <summary>The first disagreements in full, and a count per row.</summary>
    public static string Describe(IReadOnlyList<Disagreement> disagreements, ulong seed)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{disagreements.Count} cases disagree (CLOUDVM_SEED={seed}).\n");
        foreach (var group in disagreements.GroupBy(d => d.Row.Name))
            text.Append("  ").Append(group.Key).Append(CultureInfo.InvariantCulture, $": {group.Count()}\n");
        foreach (var disagreement in disagreements.DistinctBy(d => d.Row.Name).Take(40))
            text.Append(disagreement);
        return text.ToString();
    }
}
