using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>Writes of a V register zero the Z register above it, at every vector length, and change nothing else.</summary>
public sealed class UpperVectorTests
{
    public static TheoryData<string> Groups =>
        new(RowCoverage.Rows.Where(row => !RowCoverage.IsSve(row)).Select(row => row.Group).Distinct());

    [Theory]
    [MemberData(nameof(Groups))]
    public void Upper_part_is_zeroed_with_every_write(string group)
    {
        using var runner = new InterpreterRunner();
        foreach (var row in RowCoverage.ComparableRows.Where(row => row.Group == group))
        {
            for (var i = 0; i < 4; i++)
            {
                var wide = CaseGenerator.Create(row, 80, i, seed: 1);
                var result = runner.Run(wide);
                if (result.Outcome != Outcomes.Completed)
                    continue;
                CheckUpperParts(row, wide, result);
                CheckSameResultAt128Bits(row, runner, wide, result);
            }
        }
    }

    private static void CheckUpperParts(OpcodeInfo row, MachineRecord input, MachineRecord result)
    {
        var destination = RowFields.Parse(row).Find("Rd")?.Extract(input.Word);
        var writesVector = row.Group.StartsWith("AdvSimd", StringComparison.Ordinal) && !row.Name.Contains("MOV_asimdins", StringComparison.Ordinal);
        for (var n = 0; n < 32; n++)
        {
            var zeroed = !result.Z(n)[16..].ContainsAnyExcept((byte)0);
            var untouched = result.Z(n).SequenceEqual(input.Z(n));
            Assert.True(zeroed || untouched, $"{row.Name} {input.Word:x8} left the upper part of V{n}.");
            if (writesVector && n == destination)
                Assert.True(zeroed, $"{row.Name} {input.Word:x8} left the upper part of its destination V{n}.");
        }
    }

    private static void CheckSameResultAt128Bits(OpcodeInfo row, InterpreterRunner runner, MachineRecord wide, MachineRecord result)
    {
        var narrow = MachineRecord.Create(16);
        wide.Bytes.AsSpan(0, 304).CopyTo(narrow.Bytes);
        for (var n = 0; n < 32; n++)
            wide.Z(n)[..16].CopyTo(narrow.Z(n));
        var expected = runner.Run(narrow);
        Assert.True(result.Bytes.AsSpan(0, 304).SequenceEqual(expected.Bytes.AsSpan(0, 304)), $"{row.Name} {wide.Word:x8} depends on the vector length.");
        for (var n = 0; n < 32; n++)
            Assert.True(result.Z(n)[..16].SequenceEqual(expected.Z(n)), $"{row.Name} {wide.Word:x8}: V{n} depends on the vector length.");
    }
}
