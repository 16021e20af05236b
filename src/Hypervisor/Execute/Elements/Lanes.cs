using System.Numerics;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// What a loop over elements works on: register images, which may alias as the instruction's operands do, and how much of
/// them. Pointers stay valid for the instruction only.
/// </summary>
internal unsafe struct Lanes
{
    /// <summary>Destination, also the accumulator or first operand of destructive forms.</summary>
    public byte* D;

    public byte* N;
    public byte* M;
    public byte* A;

    /// <summary>Governing predicate, or null when every element is active.</summary>
    public byte* Pg;

    /// <summary>Bytes of the registers to process.</summary>
    public int Bytes;

    /// <summary>Shift amount or element index.</summary>
    public int Shift;

    /// <summary>
    /// 1 when narrow elements are every second one of their register, as in the bottom and top forms of SVE2; 0 when they are adjacent.
    /// Pointers to top elements point to the first of them.
    /// </summary>
    public int Interleaved;

    /// <summary>Immediate or general-purpose operand, sign- or zero-extended.</summary>
    public ulong Immediate;

    /// <summary>Set when any element saturated.</summary>
    public bool Saturated;

    /// <summary>Where the narrow element that belongs to wide element i is.</summary>
    public readonly int NarrowIndex(int i) => i << Interleaved;

    /// <summary>
    /// The same with M's element of index <see cref="Shift"/> of each 128-bit segment throughout that segment, so that an operation by
    /// element is one on vectors.
    /// </summary>
    /// <param name="repeated">Room for a whole register.</param>
    /// <param name="size">Bytes of an element.</param>
    public readonly Lanes WithRepeatedElement(byte* repeated, int size)
    {
        for (var segment = 0; segment < Bytes; segment += 16)
        {
            var element = M + segment + (Shift * size);
            var vector = size switch
            {
                1 => Vector128.Create(*element),
                2 => Vector128.Create(*(ushort*)element).AsByte(),
                4 => Vector128.Create(*(uint*)element).AsByte(),
                _ => Vector128.Create(*(ulong*)element).AsByte(),
            };
            vector.Store(repeated + segment);
        }

        return this with { M = repeated };
    }

    public readonly bool IsActive(int byteOffset) => Pg == null || ((Pg[byteOffset >> 3] >> (byteOffset & 7)) & 1) != 0;
}

/// <summary>A loop over integer elements, written once for every element type.</summary>
internal interface IIntLoop
{
    static abstract void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;
}

/// <summary>A loop over floating-point elements, written once for every format.</summary>
internal interface IFpLoop
{
    static abstract void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat;
}

/// <summary>Chooses a loop's element type from an instruction's size field.</summary>
internal static class LaneDispatch
{
    public static void Run<TLoop>(int size, bool signed, ref Lanes lanes) where TLoop : struct, IIntLoop
    {
        if (signed)
        {
            switch (size)
            {
                case 0: TLoop.Run<sbyte>(ref lanes); break;
                case 1: TLoop.Run<short>(ref lanes); break;
                case 2: TLoop.Run<int>(ref lanes); break;
                default: TLoop.Run<long>(ref lanes); break;
            }
        }
        else
        {
            switch (size)
            {
                case 0: TLoop.Run<byte>(ref lanes); break;
                case 1: TLoop.Run<ushort>(ref lanes); break;
                case 2: TLoop.Run<uint>(ref lanes); break;
                default: TLoop.Run<ulong>(ref lanes); break;
            }
        }
    }

    public static void RunFp<TLoop>(int size, ref Lanes lanes, ref FpContext context) where TLoop : struct, IFpLoop
    {
        switch (size)
        {
            case 1: TLoop.Run<Binary16>(ref lanes, ref context); break;
            case 2: TLoop.Run<Binary32>(ref lanes, ref context); break;
            default: TLoop.Run<Binary64>(ref lanes, ref context); break;
        }
    }
}
