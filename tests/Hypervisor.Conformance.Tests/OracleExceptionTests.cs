using System.Reflection;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Conformance.Tests.Engine;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>The engine where the oracle is not asked; see <see cref="OracleExceptions"/>.</summary>
public sealed class OracleExceptionTests : IDisposable
{
    private const uint Ld2bZ0P0X1 = 0xa420_e020; // ld2b {z0.b, z1.b}, p0/z, [x1]
    private const uint Zip1Z0Z1Z2 = 0x05a2_0020; // zip1 z0.q, z1.q, z2.q
    private const uint FmmlaZ0Z1Z2 = 0x64e2_e420; // fmmla z0.d, z1.d, z2.d
    private const uint FcvtzsH0H1 = 0x5f1f_fc20; // fcvtzs h0, h1, #1
    private const uint UqxtnbZ0Z1 = 0x4560_4820; // uqxtnb z0.s, z1.d
    private const uint UqxtntZ0Z1 = 0x4560_4c20; // uqxtnt z0.s, z1.d
    private readonly InterpreterRunner _runner = new();

    [Fact]
    public void Every_exception_has_a_test()
    {
        foreach (var exception in OracleExceptions.All)
        {
            var parts = exception.Test.Split('.');
            var method = typeof(OracleExceptionTests).Assembly.GetTypes().Single(type => type.Name == parts[0]).GetMethod(parts[1]);
            Assert.NotNull(method?.GetCustomAttribute<FactAttribute>());
        }
    }

    [Theory]
    [InlineData(32)]
    [InlineData(48)]
    [InlineData(256)]
    public void Structures_may_cross_a_page(int vectorBytes)
    {
        var memory = Layout.PristineScratch();
        var offset = (Layout.ScratchBytes / 2) - vectorBytes - 3;
        var result = _runner.Run(LoadTwo(vectorBytes, Layout.ScratchBase + (ulong)offset));

        Assert.Equal(Outcomes.Completed, result.Outcome);
        for (var i = 0; i < vectorBytes; i++)
        {
            Assert.Equal(memory[offset + (2 * i)], result.Z(0)[i]);
            Assert.Equal(memory[offset + (2 * i) + 1], result.Z(1)[i]);
        }
    }

    [Fact]
    public void Structure_that_leaves_memory_faults_at_its_first_lost_byte()
    {
        var result = _runner.Run(LoadTwo(32, Layout.ScratchBase + Layout.ScratchBytes - 33));

        Assert.Equal(Outcomes.MemoryFault, result.Outcome);
        Assert.Equal(Layout.ScratchBase + Layout.ScratchBytes, result.Fault);
    }

    [Theory]
    [InlineData(48)]
    [InlineData(80)]
    [InlineData(240)]
    public void Quadword_permutes_zero_what_fills_no_pair(int vectorBytes)
    {
        var input = MachineRecord.Create(vectorBytes);
        input.Word = Zip1Z0Z1Z2;
        var random = new CaseRandom(3);
        for (var n = 0; n < 3; n++)
            OperandValues.Fill(input.Z(n), 64, 0, random);
        var result = _runner.Run(input);

        var pairs = vectorBytes / 32;
        for (var pair = 0; pair < pairs; pair++)
        {
            Assert.Equal(input.Z(1).Slice(pair * 16, 16), result.Z(0).Slice(pair * 32, 16));
            Assert.Equal(input.Z(2).Slice(pair * 16, 16), result.Z(0).Slice((pair * 32) + 16, 16));
        }

        Assert.Equal(new byte[16], result.Z(0)[(pairs * 32)..]);
    }

    [Fact]
    public void Matrices_of_doubles_zero_what_fills_no_matrix()
    {
        Assert.Equal(Outcomes.Undefined, _runner.Run(OnesAndTwos(16)).Outcome);
        foreach (var vectorBytes in new[] { 48, 80, 240 })
        {
            var result = _runner.Run(OnesAndTwos(vectorBytes));
            var doubles = MemoryMarshal.Cast<byte, double>(result.Z(0));
            for (var i = 0; i < doubles.Length; i++)
                Assert.Equal(i < vectorBytes / 32 * 4 ? 1 + (2 * 1 * 2) : 0, doubles[i]);
        }

        static MachineRecord OnesAndTwos(int vectorBytes)
        {
            var input = MachineRecord.Create(vectorBytes);
            input.Word = FmmlaZ0Z1Z2;
            MemoryMarshal.Cast<byte, double>(input.Z(0)).Fill(1);
            MemoryMarshal.Cast<byte, double>(input.Z(1)).Fill(1);
            MemoryMarshal.Cast<byte, double>(input.Z(2)).Fill(2);
            return input;
        }
    }

    [Fact]
    public void Scalar_half_precision_to_fixed_point_zeroes_the_rest()
    {
        const ushort MinusOne = 0xbc00;
        var input = MachineRecord.Create(16);
        input.Word = FcvtzsH0H1;
        input.Z(0).Fill(0xAA);
        BitConverter.TryWriteBytes(input.Z(1), MinusOne);
        var result = _runner.Run(input);

        Assert.Equal("0000000000000000000000000000fffe", MachineRecord.Hex(result.Z(0)));
    }

    [Fact]
    public void Large_unsigned_elements_saturate_to_all_ones()
    {
        ulong[] elements = [0, 1, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, ulong.MaxValue >> 1, 1ul << 63, ulong.MaxValue];
        foreach (var vectorBytes in new[] { 128, 240, 256 })
        {
            var input = MachineRecord.Create(vectorBytes);
            input.Z(0).Fill(0xAA);
            var source = MemoryMarshal.Cast<byte, ulong>(input.Z(1));
            for (var i = 0; i < source.Length; i++)
                source[i] = elements[i % elements.Length];
            input.Word = UqxtnbZ0Z1;
            var bottom = MemoryMarshal.Cast<byte, uint>(_runner.Run(input).Z(0)).ToArray();
            input.Word = UqxtntZ0Z1;
            var top = MemoryMarshal.Cast<byte, uint>(_runner.Run(input).Z(0)).ToArray();
            for (var i = 0; i < source.Length; i++)
            {
                var expected = (uint)Math.Min(source[i], uint.MaxValue);
                Assert.Equal((expected, 0u), (bottom[2 * i], bottom[(2 * i) + 1]));
                Assert.Equal((0xAAAA_AAAA, expected), (top[2 * i], top[(2 * i) + 1]));
            }
        }
    }

    [Fact]
    public void Overlapping_registers_of_loads_and_stores_do_no_harm()
    {
        var words = 0;
        var random = new CaseRandom(4);
        foreach (var plan in RowCoverage.ComparableRows.Select(RowPlan.Of).Where(plan => plan.DistinctRegisters.Length > 1))
        {
            var input = CaseGenerator.Create(plan.Row, 16, 0, seed: 4);
            input.X.Fill(Layout.ScratchMiddle);
            for (var i = 0; i < 20; i++)
            {
                var same = (uint)random.Below(31);
                var word = input.Word;
                foreach (var field in plan.DistinctRegisters.Where(field => field.Name == "Rn" || random.OneIn(2)))
                    word = field.Insert(word, same);
                if (!OracleExceptions.HasOverlap(plan, word))
                    continue;
                input.Word = word;

                // Whatever it does, it neither leaves the engine nor ends in another exception: the runner refuses those.
                _runner.Run(input);
                words++;
            }
        }

        Assert.True(words > 1000, $"Only {words} words were tried.");
    }

    public void Dispose() => _runner.Dispose();

    private static MachineRecord LoadTwo(int vectorBytes, ulong address)
    {
        var input = MachineRecord.Create(vectorBytes);
        input.Word = Ld2bZ0P0X1;
        input.UsesMemory = 1;
        input.X[1] = address;
        input.P(0).Fill(0xFF);
        return input;
    }
}
