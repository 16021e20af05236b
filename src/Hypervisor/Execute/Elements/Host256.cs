using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>256 bits of the host's.</summary>
internal readonly unsafe struct Host256<T> : IHostVector<Host256<T>, T> where T : unmanaged
{
    private readonly Vector256<T> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Host256(Vector256<T> value) => _value = value;

    public static int Bytes => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Load(byte* at) => new(Vector256.Load((T*)at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Host256<T> value, byte* at) => value._value.Store((T*)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Create(T value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> CreateBits(ulong bits) => new(sizeof(T) switch
    {
        1 => Vector256.Create((byte)bits).As<byte, T>(),
        2 => Vector256.Create((ushort)bits).As<ushort, T>(),
        4 => Vector256.Create((uint)bits).As<uint, T>(),
        _ => Vector256.Create(bits).As<ulong, T>(),
    });

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator +(Host256<T> a, Host256<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator -(Host256<T> a, Host256<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator *(Host256<T> a, Host256<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator /(Host256<T> a, Host256<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator &(Host256<T> a, Host256<T> b) => new(a._value & b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator |(Host256<T> a, Host256<T> b) => new(a._value | b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator ^(Host256<T> a, Host256<T> b) => new(a._value ^ b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator ~(Host256<T> a) => new(~a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator <<(Host256<T> a, int count) => new(a._value << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> operator >>(Host256<T> a, int count) => new(a._value >> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Equal(Host256<T> a, Host256<T> b) => new(Vector256.Equals(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Greater(Host256<T> a, Host256<T> b) => new(Vector256.GreaterThan(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> GreaterOrEqual(Host256<T> a, Host256<T> b) => new(Vector256.GreaterThanOrEqual(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Max(Host256<T> a, Host256<T> b) => new(Vector256.Max(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Min(Host256<T> a, Host256<T> b) => new(Vector256.Min(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Select(Host256<T> mask, Host256<T> a, Host256<T> b) => new(Vector256.ConditionalSelect(mask._value, a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> FusedMultiplyAdd(Host256<T> a, Host256<T> b, Host256<T> addend) => new(sizeof(T) == 4
        ? Vector256.FusedMultiplyAdd(a._value.AsSingle(), b._value.AsSingle(), addend._value.AsSingle()).As<float, T>()
        : Vector256.FusedMultiplyAdd(a._value.AsDouble(), b._value.AsDouble(), addend._value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> SquareRoot(Host256<T> a) => new(Vector256.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> SwapPairs(Host256<T> a) => new(sizeof(T) == 4
        ? Vector256.Shuffle(a._value.AsUInt32(), Vector256.Create(1u, 0, 3, 2, 5, 4, 7, 6)).As<uint, T>()
        : Vector256.Shuffle(a._value.AsUInt64(), Vector256.Create(1ul, 0, 3, 2)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> RepeatEven(Host256<T> a) => new(sizeof(T) == 4
        ? Vector256.Shuffle(a._value.AsUInt32(), Vector256.Create(0u, 0, 2, 2, 4, 4, 6, 6)).As<uint, T>()
        : Vector256.Shuffle(a._value.AsUInt64(), Vector256.Create(0ul, 0, 2, 2)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> RepeatOdd(Host256<T> a) => new(sizeof(T) == 4
        ? Vector256.Shuffle(a._value.AsUInt32(), Vector256.Create(1u, 1, 3, 3, 5, 5, 7, 7)).As<uint, T>()
        : Vector256.Shuffle(a._value.AsUInt64(), Vector256.Create(1ul, 1, 3, 3)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> OddElements() => new(sizeof(T) == 4
        ? Vector256.Create(0xffff_ffff_0000_0000ul).As<ulong, T>()
        : Vector256.Create(0ul, ulong.MaxValue, 0, ulong.MaxValue).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> EvenBytes(Host256<T> a, bool signed) => new(signed
        ? ((a._value.AsInt16() << 8) >> 8).As<short, T>()
        : (a._value.AsUInt16() & Vector256.Create((ushort)0xff)).As<ushort, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> OddBytes(Host256<T> a, bool signed) => new(signed
        ? (a._value.AsInt16() >> 8).As<short, T>()
        : (a._value.AsUInt16() >> 8).As<ushort, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> MultiplyAddHalves(Host256<T> a, Host256<T> b)
    {
        if (Avx2.IsSupported)
            return new(Avx2.MultiplyAddAdjacent(a._value.AsInt16(), b._value.AsInt16()).As<int, T>());
        Vector256<int> n = a._value.AsInt32(), m = b._value.AsInt32();
        return new((((n << 16) >> 16) * ((m << 16) >> 16) + ((n >> 16) * (m >> 16))).As<int, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host256<T> Mask(byte* predicate, int at)
    {
        var bits = *(uint*)(predicate + (at >> 3));
        if (sizeof(T) == 1)
        {
            var select = Vector256.Create((byte)0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2,
                0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80);
            var spread = Vector256.Shuffle(
                Vector256.Create(bits).AsByte(),
                Vector256.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19,
                    19, 19, 19, 19));
            return new(Vector256.Equals(spread & select, select).As<byte, T>());
        }

        if (sizeof(T) == 2)
        {
            var select = Vector256.Create((ushort)0x1, 0x4, 0x10, 0x40, 0x100, 0x400, 0x1000, 0x4000, 0x1, 0x4, 0x10, 0x40, 0x100, 0x400, 0x1000,
                0x4000);
            var spread = Vector256.Create(Vector128.Create((ushort)bits), Vector128.Create((ushort)(bits >> 16)));
            return new(Vector256.Equals(spread & select, select).As<ushort, T>());
        }

        if (sizeof(T) == 4)
        {
            var select = Vector256.Create((uint)0x1, 0x10, 0x100, 0x1000, 0x10000, 0x100000, 0x1000000, 0x10000000);
            var spread = Vector256.Create(bits);
            return new(Vector256.Equals(spread & select, select).As<uint, T>());
        }
        else
        {
            var select = Vector256.Create(1ul, 1ul << 8, 1ul << 16, 1ul << 24);
            return new(Vector256.Equals(Vector256.Create((ulong)bits) & select, select).As<ulong, T>());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePredicate(Host256<T> mask, byte* governing, byte* predicate, int at)
    {
        var bits = (uint)(mask._value.AsByte().ExtractMostSignificantBits() & HostVector.ElementBits<T>());
        *(uint*)(predicate + (at >> 3)) = (uint)(bits & *(uint*)(governing + (at >> 3)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsZero(Host256<T> a) => Vector256.EqualsAll(a._value.AsByte(), Vector256<byte>.Zero);
}
