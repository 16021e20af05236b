using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>Products of 2×8 by 8×2 matrices of bytes, one in each 128-bit segment, added to a 2×2 matrix of words.</summary>
internal static unsafe class IntegerMatrix<TOp> where TOp : struct, IDotProduct
{
    public static void Run(ref Lanes lanes)
    {
        var result = stackalloc int[4];
        for (var segment = 0; segment < lanes.Bytes; segment += 16)
        {
            for (var i = 0; i < 4; i++)
            {
                var row = lanes.N + segment + ((i >> 1) * 8);
                var column = lanes.M + segment + ((i & 1) * 8);
                var sum = ((int*)(lanes.D + segment))[i];
                for (var k = 0; k < 8; k++)
                    sum += (TOp.SignedN ? (sbyte)row[k] : row[k]) * (TOp.SignedM ? (sbyte)column[k] : column[k]);
                result[i] = sum;
            }

            Buffer.MemoryCopy(result, lanes.D + segment, 16, 16);
        }
    }
}

/// <summary>BFloat16 sums of products: BFDOT and BFMMLA.</summary>
internal static unsafe class BFloat16Loops
{
    /// <summary>Each single of D += the products of the pairs in N and M; with <see cref="Lanes.Shift"/> not negative, of M's pair of that index.</summary>
    public static void Dot(ref Lanes lanes)
    {
        for (var segment = 0; segment < lanes.Bytes; segment += 16)
        {
            var end = Math.Min(segment + 16, lanes.Bytes);
            var chosen = lanes.Shift < 0 ? 0 : *(uint*)(lanes.M + segment + (lanes.Shift * 4));
            for (var i = segment; i < end; i += 4)
            {
                var m = lanes.Shift < 0 ? *(uint*)(lanes.M + i) : chosen;
                *(uint*)(lanes.D + i) = BFDotAdd(*(uint*)(lanes.D + i), *(uint*)(lanes.N + i), m);
            }
        }
    }

    /// <summary>BFMatMulAdd: products of 2×4 by 4×2 matrices, one in each segment, added to a 2×2 matrix of singles.</summary>
    public static void Matrix(ref Lanes lanes)
    {
        var result = stackalloc uint[4];
        for (var segment = 0; segment < lanes.Bytes; segment += 16)
        {
            for (var i = 0; i < 4; i++)
            {
                var row = (uint*)(lanes.N + segment + ((i >> 1) * 8));
                var column = (uint*)(lanes.M + segment + ((i & 1) * 8));
                var sum = BFDotAdd(((uint*)(lanes.D + segment))[i], row[0], column[0]);
                result[i] = BFDotAdd(sum, row[1], column[1]);
            }

            Buffer.MemoryCopy(result, lanes.D + segment, 16, 16);
        }
    }
}
