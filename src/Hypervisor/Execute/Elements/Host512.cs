using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>512 bits of the host's.</summary>
internal readonly unsafe struct Host512<T> : IHostVector<Host512<T>, T> where T : unmanaged
{
    private readonly Vector512<T> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Host512(Vector512<T> value) => _value = value;

    public static int Bytes => 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Load(byte* at) => new(Vector512.Load((T*)at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Host512<T> value, byte* at) => value._value.Store((T*)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Create(T value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> CreateBits(ulong bits) => new(sizeof(T) switch
    {
        1 => Vector512.Create((byte)bits).As<byte, T>(),
        2 => Vector512.Create((ushort)bits).As<ushort, T>(),
        4 => Vector512.Create((uint)bits).As<uint, T>(),
        _ => Vector512.Create(bits).As<ulong, T>(),
    });

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator +(Host512<T> a, Host512<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator -(Host512<T> a, Host512<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator *(Host512<T> a, Host512<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator /(Host512<T> a, Host512<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator &(Host512<T> a, Host512<T> b) => new(a._value & b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator |(Host512<T> a, Host512<T> b) => new(a._value | b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator ^(Host512<T> a, Host512<T> b) => new(a._value ^ b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator ~(Host512<T> a) => new(~a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator <<(Host512<T> a, int count) => new(a._value << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> operator >>(Host512<T> a, int count) => new(a._value >> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Equal(Host512<T> a, Host512<T> b) => new(Vector512.Equals(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Greater(Host512<T> a, Host512<T> b) => new(Vector512.GreaterThan(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> GreaterOrEqual(Host512<T> a, Host512<T> b) => new(Vector512.GreaterThanOrEqual(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Max(Host512<T> a, Host512<T> b) => new(Vector512.Max(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Min(Host512<T> a, Host512<T> b) => new(Vector512.Min(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Select(Host512<T> mask, Host512<T> a, Host512<T> b) => new(Vector512.ConditionalSelect(mask._value, a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> FusedMultiplyAdd(Host512<T> a, Host512<T> b, Host512<T> addend) => new(sizeof(T) == 4
        ? Vector512.FusedMultiplyAdd(a._value.AsSingle(), b._value.AsSingle(), addend._value.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(a._value.AsDouble(), b._value.AsDouble(), addend._value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> SquareRoot(Host512<T> a) => new(Vector512.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> SwapPairs(Host512<T> a) => new(sizeof(T) == 4
        ? Vector512.Shuffle(a._value.AsUInt32(), Vector512.Create(1u, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)).As<uint, T>()
        : Vector512.Shuffle(a._value.AsUInt64(), Vector512.Create(1ul, 0, 3, 2, 5, 4, 7, 6)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> RepeatEven(Host512<T> a) => new(sizeof(T) == 4
        ? Vector512.Shuffle(a._value.AsUInt32(), Vector512.Create(0u, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14)).As<uint, T>()
        : Vector512.Shuffle(a._value.AsUInt64(), Vector512.Create(0ul, 0, 2, 2, 4, 4, 6, 6)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> RepeatOdd(Host512<T> a) => new(sizeof(T) == 4
        ? Vector512.Shuffle(a._value.AsUInt32(), Vector512.Create(1u, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15)).As<uint, T>()
        : Vector512.Shuffle(a._value.AsUInt64(), Vector512.Create(1ul, 1, 3, 3, 5, 5, 7, 7)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> OddElements() => new(sizeof(T) == 4
        ? Vector512.Create(0xffff_ffff_0000_0000ul).As<ulong, T>()
        : Vector512.Create(0ul, ulong.MaxValue, 0, ulong.MaxValue, 0, ulong.MaxValue, 0, ulong.MaxValue).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> EvenBytes(Host512<T> a, bool signed) => new(signed
        ? ((a._value.AsInt16() << 8) >> 8).As<short, T>()
        : (a._value.AsUInt16() & Vector512.Create((ushort)0xff)).As<ushort, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> OddBytes(Host512<T> a, bool signed) => new(signed
        ? (a._value.AsInt16() >> 8).As<short, T>()
        : (a._value.AsUInt16() >> 8).As<ushort, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> MultiplyAddHalves(Host512<T> a, Host512<T> b)
    {
        if (Avx512BW.IsSupported)
            return new(Avx512BW.MultiplyAddAdjacent(a._value.AsInt16(), b._value.AsInt16()).As<int, T>());
        Vector512<int> n = a._value.AsInt32(), m = b._value.AsInt32();
        return new((((n << 16) >> 16) * ((m << 16) >> 16) + ((n >> 16) * (m >> 16))).As<int, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host512<T> Mask(byte* predicate, int at)
    {
        var bits = *(ulong*)(predicate + (at >> 3));
        if (sizeof(T) == 1)
        {
            var select = Vector512.Create((byte)0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2,
                0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8,
                0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20,
                0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80);
            var spread = Vector512.Shuffle(
                Vector512.Create(bits).AsByte(),
                Vector512.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19,
                    19, 19, 19, 19, 36, 36, 36, 36, 36, 36, 36, 36, 37, 37, 37, 37, 37, 37, 37, 37, 54, 54, 54, 54,
                    54, 54, 54, 54, 55, 55, 55, 55, 55, 55, 55, 55));
            return new(Vector512.Equals(spread & select, select).As<byte, T>());
        }

        if (sizeof(T) == 2)
        {
            var select = Vector512.Create((ushort)0x1, 0x4, 0x10, 0x40, 0x100, 0x400, 0x1000, 0x4000, 0x1, 0x4, 0x10, 0x40, 0x100, 0x400, 0x1000,
                0x4000, 0x1, 0x4, 0x10, 0x40, 0x100, 0x400, 0x1000, 0x4000, 0x1, 0x4, 0x10, 0x40, 0x100, 0x400,
                0x1000, 0x4000);
            var spread = Vector512.Create(
                Vector256.Create(Vector128.Create((ushort)bits), Vector128.Create((ushort)(bits >> 16))),
                Vector256.Create(Vector128.Create((ushort)(bits >> 32)), Vector128.Create((ushort)(bits >> 48))));
            return new(Vector512.Equals(spread & select, select).As<ushort, T>());
        }

        if (sizeof(T) == 4)
        {
            var select = Vector512.Create((uint)0x1, 0x10, 0x100, 0x1000, 0x10000, 0x100000, 0x1000000, 0x10000000, 0x1, 0x10, 0x100, 0x1000,
                0x10000, 0x100000, 0x1000000, 0x10000000);
            var spread = Vector512.Create(Vector256.Create((uint)bits), Vector256.Create((uint)(bits >> 32)));
            return new(Vector512.Equals(spread & select, select).As<uint, T>());
        }
        else
        {
            var select = Vector512.Create(1ul, 1ul << 8, 1ul << 16, 1ul << 24, 1ul << 32, 1ul << 40, 1ul << 48, 1ul << 56);
            return new(Vector512.Equals(Vector512.Create((ulong)bits) & select, select).As<ulong, T>());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePredicate(Host512<T> mask, byte* governing, byte* predicate, int at)
    {
        var bits = (ulong)(mask._value.AsByte().ExtractMostSignificantBits() & HostVector.ElementBits<T>());
        *(ulong*)(predicate + (at >> 3)) = (ulong)(bits & *(ulong*)(governing + (at >> 3)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsZero(Host512<T> a) => Vector512.EqualsAll(a._value.AsByte(), Vector512<byte>.Zero);
}
