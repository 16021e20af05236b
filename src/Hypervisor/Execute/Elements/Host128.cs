using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>128 bits of the host's.</summary>
internal readonly unsafe struct Host128<T> : IHostVector<Host128<T>, T> where T : unmanaged
{
    private readonly Vector128<T> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Host128(Vector128<T> value) => _value = value;

    public static int Bytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Load(byte* at) => new(Vector128.Load((T*)at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Host128<T> value, byte* at) => value._value.Store((T*)at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Create(T value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> CreateBits(ulong bits) => new(sizeof(T) switch
    {
        1 => Vector128.Create((byte)bits).As<byte, T>(),
        2 => Vector128.Create((ushort)bits).As<ushort, T>(),
        4 => Vector128.Create((uint)bits).As<uint, T>(),
        _ => Vector128.Create(bits).As<ulong, T>(),
    });

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator +(Host128<T> a, Host128<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator -(Host128<T> a, Host128<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator *(Host128<T> a, Host128<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator /(Host128<T> a, Host128<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator &(Host128<T> a, Host128<T> b) => new(a._value & b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator |(Host128<T> a, Host128<T> b) => new(a._value | b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator ^(Host128<T> a, Host128<T> b) => new(a._value ^ b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator ~(Host128<T> a) => new(~a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator <<(Host128<T> a, int count) => new(a._value << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> operator >>(Host128<T> a, int count) => new(a._value >> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Equal(Host128<T> a, Host128<T> b) => new(Vector128.Equals(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Greater(Host128<T> a, Host128<T> b) => new(Vector128.GreaterThan(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> GreaterOrEqual(Host128<T> a, Host128<T> b) => new(Vector128.GreaterThanOrEqual(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Max(Host128<T> a, Host128<T> b) => new(Vector128.Max(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Min(Host128<T> a, Host128<T> b) => new(Vector128.Min(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Select(Host128<T> mask, Host128<T> a, Host128<T> b) => new(Vector128.ConditionalSelect(mask._value, a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> FusedMultiplyAdd(Host128<T> a, Host128<T> b, Host128<T> addend) => new(sizeof(T) == 4
        ? Vector128.FusedMultiplyAdd(a._value.AsSingle(), b._value.AsSingle(), addend._value.AsSingle()).As<float, T>()
        : Vector128.FusedMultiplyAdd(a._value.AsDouble(), b._value.AsDouble(), addend._value.AsDouble()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> SquareRoot(Host128<T> a) => new(Vector128.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> SwapPairs(Host128<T> a) => new(sizeof(T) == 4
        ? Vector128.Shuffle(a._value.AsUInt32(), Vector128.Create(1u, 0, 3, 2)).As<uint, T>()
        : Vector128.Shuffle(a._value.AsUInt64(), Vector128.Create(1ul, 0)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> RepeatEven(Host128<T> a) => new(sizeof(T) == 4
        ? Vector128.Shuffle(a._value.AsUInt32(), Vector128.Create(0u, 0, 2, 2)).As<uint, T>()
        : Vector128.Shuffle(a._value.AsUInt64(), Vector128.Create(0ul, 0)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> RepeatOdd(Host128<T> a) => new(sizeof(T) == 4
        ? Vector128.Shuffle(a._value.AsUInt32(), Vector128.Create(1u, 1, 3, 3)).As<uint, T>()
        : Vector128.Shuffle(a._value.AsUInt64(), Vector128.Create(1ul, 1)).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> OddElements() => new(sizeof(T) == 4
        ? Vector128.Create(0xffff_ffff_0000_0000ul).As<ulong, T>()
        : Vector128.Create(0ul, ulong.MaxValue).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> EvenBytes(Host128<T> a, bool signed) => new(signed
        ? ((a._value.AsInt16() << 8) >> 8).As<short, T>()
        : (a._value.AsUInt16() & Vector128.Create((ushort)0xff)).As<ushort, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> OddBytes(Host128<T> a, bool signed) => new(signed
        ? (a._value.AsInt16() >> 8).As<short, T>()
        : (a._value.AsUInt16() >> 8).As<ushort, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> MultiplyAddHalves(Host128<T> a, Host128<T> b)
    {
        if (Sse2.IsSupported)
            return new(Sse2.MultiplyAddAdjacent(a._value.AsInt16(), b._value.AsInt16()).As<int, T>());
        Vector128<int> n = a._value.AsInt32(), m = b._value.AsInt32();
        return new((((n << 16) >> 16) * ((m << 16) >> 16) + ((n >> 16) * (m >> 16))).As<int, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Host128<T> Mask(byte* predicate, int at)
    {
        var bits = *(ushort*)(predicate + (at >> 3));
        if (sizeof(T) == 1)
        {
            var select = Vector128.Create((byte)0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80);
            var spread = Vector128.Shuffle(Vector128.Create(bits).AsByte(), Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
            return new(Vector128.Equals(spread & select, select).As<byte, T>());
        }

        if (sizeof(T) == 2)
        {
            var select = Vector128.Create((ushort)0x1, 0x4, 0x10, 0x40, 0x100, 0x400, 0x1000, 0x4000);
            var spread = Vector128.Create(bits);
            return new(Vector128.Equals(spread & select, select).As<ushort, T>());
        }

        if (sizeof(T) == 4)
        {
            var select = Vector128.Create((uint)0x1, 0x10, 0x100, 0x1000);
            var spread = Vector128.Create((uint)bits);
            return new(Vector128.Equals(spread & select, select).As<uint, T>());
        }
        else
        {
            var select = Vector128.Create(1ul, 1ul << 8);
            return new(Vector128.Equals(Vector128.Create((ulong)bits) & select, select).As<ulong, T>());
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePredicate(Host128<T> mask, byte* governing, byte* predicate, int at)
    {
        var bits = (ushort)(mask._value.AsByte().ExtractMostSignificantBits() & HostVector.ElementBits<T>());
        *(ushort*)(predicate + (at >> 3)) = (ushort)(bits & *(ushort*)(governing + (at >> 3)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsZero(Host128<T> a) => Vector128.EqualsAll(a._value.AsByte(), Vector128<byte>.Zero);
}
