using System.Globalization;
using System.Numerics;
using System.Reflection;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>
/// The vector form of every operation that has one against its definition on single elements, at 128, 256 and 512 bits of the host's
/// (those that this host lacks run as software): limits, NaNs, denormals, ties, all kinds of predicates. CLOUDVM_SEED repeats a run.
/// </summary>
public sealed unsafe class HostVectorTests(ITestOutputHelper output)
{
    private const int Register = 64;
    private const int Rounds = 60;

    private static readonly Type[] _unsigned = [typeof(byte), typeof(ushort), typeof(uint), typeof(ulong)];
    private static readonly Type[] _signed = [typeof(sbyte), typeof(short), typeof(int), typeof(long)];
    private static readonly Type[] _formats = [typeof(Binary32), typeof(Binary64)];

    private static readonly HashSet<Type> _thorough =
    [
        typeof(BinaryLoop<Add>), typeof(BinaryLoop<SMax>), typeof(BinaryLoop<UMin>), typeof(ComparePredicateLoop<CmpGe>),
        typeof(ComparePredicateLoop<CmpHi>), typeof(ShiftLoop<SsraImm>), typeof(FpTernaryLoop<FMulAdd>), typeof(FpComparePredicateLoop<FCmGe>),
    ];

    private readonly ulong _seed = Environment.GetEnvironmentVariable("CLOUDVM_SEED") is { Length: > 0 } text
        ? ulong.Parse(text, CultureInfo.InvariantCulture)
        : (ulong)Random.Shared.NextInt64(1, 1_000_000_000);

    [Fact]
    public void Integer_operations_have_the_same_vector_form()
    {
        var count = 0;
        foreach (var (shape, loop) in new (Type, Type)[]
        {
            (typeof(IIntUnary), typeof(UnaryLoop<>)), (typeof(IIntBinary), typeof(BinaryLoop<>)), (typeof(IIntTernary), typeof(TernaryLoop<>)),
            (typeof(IIntShift), typeof(ShiftLoop<>)), (typeof(IIntCompare), typeof(CompareMaskLoop<>)), (typeof(IIntCompare), typeof(ComparePredicateLoop<>)),
            (typeof(IDotProduct), typeof(DotLoop<>)),
        })
        {
            foreach (var operation in Operations(shape))
            {
                if (shape != typeof(IDotProduct) && !(bool)Value(operation, "HasVector", shape)!)
                    continue;
                var isSigned = shape != typeof(IDotProduct) && (bool)Value(operation, "Signed", shape)!;
                var elements = shape == typeof(IDotProduct) ? [typeof(uint)] : isSigned ? _signed : _unsigned;
                foreach (var element in elements)
                {
                    Call(nameof(CheckInteger), loop.MakeGenericType(operation), element);
                    count++;
                }
            }
        }

        Assert.True(count > 150, $"Only {count} integer operations have a vector form.");
    }

    [Fact]
    public void Floating_point_operations_have_the_same_vector_form()
    {
        var bodies = new List<(Type Body, FpVectorForm Form, bool ToPredicate)>
        {
            (typeof(FpComplexAddLoop), FpVectorForm.Rounding, false), (typeof(FpComplexMultiplyAddLoop), FpVectorForm.Rounding, false),
        };
        foreach (var (shape, loop, toPredicate) in new (Type, Type, bool)[]
        {
            (typeof(IFpUnary), typeof(FpUnaryLoop<>), false), (typeof(IFpBinary), typeof(FpBinaryLoop<>), false),
            (typeof(IFpTernary), typeof(FpTernaryLoop<>), false), (typeof(IFpCompare), typeof(FpCompareMaskLoop<>), false),
            (typeof(IFpCompare), typeof(FpComparePredicateLoop<>), true),
        })
        {
            foreach (var operation in Operations(shape))
                bodies.Add((loop.MakeGenericType(operation), (FpVectorForm)Value(operation, "Form", shape)!, toPredicate));
        }

        var usable = bodies.Where(body => body.Form != FpVectorForm.None).ToArray();
        Assert.True(usable.Length > 30, $"Only {usable.Length} floating-point operations have a vector form.");
        foreach (var (body, form, toPredicate) in usable)
        {
            foreach (var format in _formats)
                Call(nameof(CheckFp), [body, format, format == typeof(Binary32) ? typeof(float) : typeof(double)], form, toPredicate);
        }
    }

    /// <summary>All structs of the engine that are an operation of this shape; the generic ones on a subtraction.</summary>
    private static IEnumerable<Type> Operations(Type shape) => typeof(Add).Assembly.GetTypes()
        .Where(type => type.IsValueType && shape.IsAssignableFrom(type) && type.DeclaringType is null)
        .Select(type => !type.IsGenericTypeDefinition ? type
            : type.GetGenericArguments().Length == 1 && shape == typeof(IIntBinary) ? type.MakeGenericType(typeof(Sub))
            : type.GetGenericArguments().Length == 1 && shape == typeof(IFpBinary) ? type.MakeGenericType(typeof(FSub))
            : null)
        .OfType<Type>();

    private static object? Value(Type operation, string property, Type shape) =>
        typeof(HostVectorTests).GetMethod("Get" + property + shape.Name, BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(operation).Invoke(null, null);

    private void Call(string method, params Type[] types) => Call(method, types, []);

    private void Call(string method, Type[] types, params object[] arguments)
    {
        var random = new CaseRandom(_seed);
        try
        {
            typeof(HostVectorTests).GetMethod(method, BindingFlags.NonPublic | BindingFlags.Static)!
                .MakeGenericMethod(types).Invoke(null, [random, .. arguments]);
        }
        catch (TargetInvocationException e)
        {
            output.WriteLine($"Seed {_seed}");
            Assert.Fail($"{string.Join(", ", types.Select(type => type.ToString()))}, seed {_seed}: {e.InnerException}");
        }
    }

    private static bool GetHasVectorIIntUnary<T>() where T : struct, IIntUnary => T.HasVector;

    private static bool GetHasVectorIIntBinary<T>() where T : struct, IIntBinary => T.HasVector;

    private static bool GetHasVectorIIntTernary<T>() where T : struct, IIntTernary => T.HasVector;

    private static bool GetHasVectorIIntShift<T>() where T : struct, IIntShift => T.HasVector;

    private static bool GetHasVectorIIntCompare<T>() where T : struct, IIntCompare => T.HasVector;

    private static bool GetSignedIIntUnary<T>() where T : struct, IIntUnary => T.Signed;

    private static bool GetSignedIIntBinary<T>() where T : struct, IIntBinary => T.Signed;

    private static bool GetSignedIIntTernary<T>() where T : struct, IIntTernary => T.Signed;

    private static bool GetSignedIIntShift<T>() where T : struct, IIntShift => T.Signed;

    private static bool GetSignedIIntCompare<T>() where T : struct, IIntCompare => T.Signed;

    private static FpVectorForm GetFormIFpUnary<T>() where T : struct, IFpUnary => T.Form;

    private static FpVectorForm GetFormIFpBinary<T>() where T : struct, IFpBinary => T.Form;

    private static FpVectorForm GetFormIFpTernary<T>() where T : struct, IFpTernary => T.Form;

    private static FpVectorForm GetFormIFpCompare<T>() where T : struct, IFpCompare => T.Form;

    private static void CheckInteger<TLoop, T>(CaseRandom random)
        where TLoop : struct, IIntLoop, IIntVectorBody
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var toPredicate = typeof(TLoop).Name.StartsWith("ComparePredicate", StringComparison.Ordinal);
        for (var round = 0; round < Rounds; round++)
        {
            var registers = new Registers(random, 8 * sizeof(T), toPredicate || (HasPredicate(typeof(TLoop)) && !random.OneIn(3)));
            var shift = typeof(TLoop).Name.StartsWith("Dot", StringComparison.Ordinal) ? -1 : 1 + random.Below(8 * sizeof(T));
            var expected = registers.Run(toPredicate, shift, lanes => InPieces<TLoop, T>(ref lanes));
            foreach (var width in Widths(typeof(TLoop), sizeof(T)))
            {
                var actual = registers.Run(toPredicate, shift, lanes =>
                {
                    switch (width)
                    {
                        case 16: Vectors<TLoop, Host128<T>, T>(ref lanes, toPredicate); break;
                        case 32: Vectors<TLoop, Host256<T>, T>(ref lanes, toPredicate); break;
                        default: Vectors<TLoop, Host512<T>, T>(ref lanes, toPredicate); break;
                    }
                });
                if (!expected.SequenceEqual(actual))
                    Assert.Fail($"{width} bytes, shift {shift}:\n{registers}\nexpected {Convert.ToHexString(expected)}\nactual   {Convert.ToHexString(actual)}");
            }
        }
    }

    /// <summary>
    /// Bytes of the host vectors to try: all for one size of element, and for loops that between them use every part of a vector type for
    /// every size; else one, since compiling a loop takes far longer than running it.
    /// </summary>
    private static int[] Widths(Type loop, int elementBytes) =>
        elementBytes == 4 || _thorough.Contains(loop) || !loop.IsGenericType ? [16, 32, 64] : [32];

    /// <summary>Comparisons into vectors are AdvSIMD's, and dot products have no predicate in SVE either.</summary>
    private static bool HasPredicate(Type loop) =>
        !loop.Name.Contains("CompareMask", StringComparison.Ordinal) && !loop.Name.StartsWith("Dot", StringComparison.Ordinal);

    /// <summary>One element at a time, which is never a whole host vector.</summary>
    private static void InPieces<TLoop, T>(ref Lanes lanes)
        where TLoop : struct, IIntLoop
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var toPredicate = typeof(TLoop).Name.StartsWith("ComparePredicate", StringComparison.Ordinal);
        for (var at = 0; at < Register; at += sizeof(T))
        {
            byte governing = lanes.IsActive(at) ? (byte)1 : (byte)0, predicate = 0;
            var piece = lanes with { Bytes = sizeof(T), N = lanes.N + at, M = lanes.M + at, A = lanes.A + at, Pg = &governing };
            piece.D = toPredicate ? &predicate : lanes.D + at;
            TLoop.Run<T>(ref piece);
            if (toPredicate)
                lanes.D[at >> 3] |= (byte)(predicate << (at & 7));
        }
    }

    private static void Vectors<TLoop, TVector, T>(ref Lanes lanes, bool toPredicate)
        where TLoop : struct, IIntVectorBody
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (toPredicate)
            HostVector.CompareChunks<TLoop, TVector, T>(ref lanes);
        else
            HostVector.Chunks<TLoop, TVector, T>(ref lanes);
    }

    private static void CheckFp<TBody, TFormat, T>(CaseRandom random, FpVectorForm form, bool toPredicate)
        where TBody : struct, IFpVectorBody
        where TFormat : struct, IFpFormat
        where T : unmanaged
    {
        for (var round = 0; round < Rounds; round++)
        {
            var registers = new Registers(random, TFormat.Width, toPredicate || (HasPredicate(typeof(TBody)) && !random.OneIn(3)));
            var shift = random.Below(4);
            if (typeof(TBody) == typeof(FpComplexAddLoop))
                shift &= 1;
            var fpcr = random.OneIn(3) ? 1u << 25 : 0;
            var fpsr = form == FpVectorForm.Rounding || random.OneIn(2) ? FpContext.Inexact : 0;
            if (form == FpVectorForm.Exact)
                fpcr |= (uint)random.Below(4) << 22;
            var reference = new FpContext(fpcr, fpsr);
            var expected = registers.Run(toPredicate, shift, lanes =>
            {
                for (var i = 0; i < Register / (TFormat.Width / 8); i += TBody.Step)
                    TBody.Element<TFormat>(ref lanes, i, ref reference);
            });
            foreach (var width in Widths(typeof(TBody), TFormat.Width / 8))
            {
                var context = new FpContext(fpcr, fpsr);
                var actual = registers.Run(toPredicate, shift, lanes =>
                {
                    switch (width)
                    {
                        case 16: HostVector.FpChunks<TBody, TFormat, Host128<T>, T>(ref lanes, toPredicate, ref context); break;
                        case 32: HostVector.FpChunks<TBody, TFormat, Host256<T>, T>(ref lanes, toPredicate, ref context); break;
                        default: HostVector.FpChunks<TBody, TFormat, Host512<T>, T>(ref lanes, toPredicate, ref context); break;
                    }
                });
                if (expected.SequenceEqual(actual) && reference.Fpsr == context.Fpsr)
                    continue;
                Assert.Fail($"{width} bytes, FPCR {fpcr:x}, shift {shift}, FPSR {reference.Fpsr:x} or {context.Fpsr:x}:\n{registers}\nexpected {Convert.ToHexString(expected)}\nactual   {Convert.ToHexString(actual)}");
            }
        }
    }

    private delegate void LoopOnLanes(Lanes lanes);

    /// <summary>Operands of one round, which stay as they are.</summary>
    private sealed class Registers
    {
        private readonly byte[][] _registers = new byte[4][];
        private readonly byte[]? _predicate;

        public Registers(CaseRandom random, int width, bool predicated)
        {
            for (var i = 0; i < 4; i++)
            {
                _registers[i] = new byte[Register];
                OperandValues.Fill(_registers[i], width, random.Below(OperandValues.Styles), random);
            }

            if (!predicated)
                return;
            _predicate = new byte[32];
            var style = random.Below(4);
            for (var i = 0; i < Register / 8; i++)
                _predicate[i] = style == 0 ? (byte)0xff : style == 1 ? (byte)(i < 3 ? 0xff : 0) : (byte)random.Next();
        }

        /// <summary>Runs a loop and returns D, or the predicate that it wrote.</summary>
        public byte[] Run(bool toPredicate, int shift, LoopOnLanes loop)
        {
            var d = toPredicate ? new byte[32] : (byte[])_registers[0].Clone();
            fixed (byte* destination = d, n = _registers[1], m = _registers[2], a = _registers[3], pg = _predicate)
                loop(new Lanes { D = destination, N = n, M = m, A = a, Pg = pg, Bytes = Register, Shift = shift });
            return d;
        }

        public override string ToString() => string.Join('\n', _registers.Append(_predicate ?? []).Select(Convert.ToHexString));
    }
}
