namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>GF(2^8) modulo a polynomial: what the substitution boxes of AES and SM4 are made of.</summary>
internal static class GaloisField
{
    public static int Multiply(int a, int b, int polynomial)
    {
        var product = 0;
        for (; b != 0; b >>= 1)
        {
            if ((b & 1) != 0)
                product ^= a;
            a <<= 1;
            if ((a & 0x100) != 0)
                a ^= polynomial;
        }

        return product;
    }

    /// <summary>transform(1/x) for every x, where 1/0 counts as 0.</summary>
    public static byte[] InverseTable(int polynomial, Func<byte, byte> transform)
    {
        var inverses = new byte[256];
        for (var x = 1; x < 256; x++)
        {
            for (var y = x; y < 256; y++)
            {
                if (Multiply(x, y, polynomial) == 1)
                    (inverses[x], inverses[y]) = ((byte)y, (byte)x);
            }
        }

        return Array.ConvertAll(inverses, value => transform(value));
    }

    /// <summary>The table that undoes a permutation of bytes.</summary>
    public static byte[] Reverse(byte[] table)
    {
        var reversed = new byte[table.Length];
        for (var i = 0; i < table.Length; i++)
            reversed[table[i]] = (byte)i;
        return reversed;
    }
}
