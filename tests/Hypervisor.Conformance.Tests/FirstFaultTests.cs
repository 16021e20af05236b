using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Engine;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>First-fault and non-fault loads under sparse predicates and at the end of mapped memory.</summary>
public sealed class FirstFaultTests
{
    private const int VectorBytes = 32;
    private const uint Ldff1bP1X1X2 = 0xa4026420; // ldff1b {z0.b}, p1/z, [x1, x2]
    private const uint Ldnf1bP1X1 = 0xa410a420; // ldnf1b {z0.b}, p1/z, [x1]
    private static readonly byte[] Memory = Layout.PristineScratch();

    [Theory]
    [InlineData(Ldff1bP1X1X2)]
    [InlineData(Ldnf1bP1X1)]
    public void Inactive_elements_are_zero_and_leave_ffr_alone(uint word)
    {
        var input = Create(word, Layout.ScratchMiddle, 0x8040_2010);
        var result = Run(input);

        Assert.Equal(Outcomes.Completed, result.Outcome);
        Assert.False(result.P(16).ContainsAnyExcept((byte)0xFF));
        for (var i = 0; i < VectorBytes; i++)
        {
            var active = (0x8040_2010u >> i & 1) != 0;
            Assert.Equal(active ? Memory[(int)(Layout.ScratchMiddle - Layout.ScratchBase) + i] : (byte)0, result.Z(0)[i]);
        }
    }

    [Theory]
    [InlineData(Ldff1bP1X1X2)]
    [InlineData(Ldnf1bP1X1)]
    public void Later_fault_clears_ffr_from_its_element_on(uint word)
    {
        const int Readable = 5;
        var input = Create(word, Layout.ScratchBase + Layout.ScratchBytes - Readable, 0xFFFF_FFFF);
        var result = Run(input);

        Assert.Equal(Outcomes.Completed, result.Outcome);
        Assert.Equal("0000001f", MachineRecord.Hex(result.P(16)));
        Assert.Equal(Memory[^Readable..], result.Z(0)[..Readable].ToArray());
        Assert.False(result.Z(0)[Readable..].ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Fault_of_an_inactive_element_does_not_happen()
    {
        var result = Run(Create(Ldff1bP1X1X2, Layout.ScratchBase + Layout.ScratchBytes - 5, 0x1F));

        Assert.Equal(Outcomes.Completed, result.Outcome);
        Assert.False(result.P(16).ContainsAnyExcept((byte)0xFF));
    }

    [Fact]
    public void First_active_element_of_ldff1_faults()
    {
        var result = Run(Create(Ldff1bP1X1X2, Layout.ScratchBase + Layout.ScratchBytes - 5, 0xFFFF_FF00));

        Assert.Equal(Outcomes.MemoryFault, result.Outcome);
        Assert.Equal(Layout.ScratchBase + Layout.ScratchBytes + 3, result.Fault);
    }

    [Fact]
    public void First_active_element_of_ldnf1_clears_ffr_instead()
    {
        var result = Run(Create(Ldnf1bP1X1, Layout.ScratchBase + Layout.ScratchBytes - 5, 0xFFFF_FF00));

        Assert.Equal(Outcomes.Completed, result.Outcome);
        Assert.Equal("000000ff", MachineRecord.Hex(result.P(16)));
    }

    private static MachineRecord Create(uint word, ulong address, uint predicate)
    {
        var record = MachineRecord.Create(VectorBytes);
        record.Word = word;
        record.UsesMemory = 1;
        record.X[1] = address;
        BitConverter.TryWriteBytes(record.P(1), predicate);
        record.P(16).Fill(0xFF);
        record.Z(0).Fill(0xAA);
        return record;
    }

    private static MachineRecord Run(MachineRecord input)
    {
        using var runner = new InterpreterRunner();
        return runner.Run(input);
    }
}
