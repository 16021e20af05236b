using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>The nonlinear part of SM4 (GB/T 32907-2016).</summary>
internal static class Sm4Rounds
{
    private const int Polynomial = 0x1f5;
    private const byte Matrix = 0xa7;
    private const byte Constant = 0xd3;
    private static readonly byte[] Substitution = MakeSubstitution();

    /// <summary>The S-box on each byte of a word.</summary>
    public static uint Substitute(uint word) =>
        (uint)(Substitution[word & 0xff] | Substitution[word >> 8 & 0xff] << 8 | Substitution[word >> 16 & 0xff] << 16 | Substitution[word >> 24] << 24);

    // The box is an affine map, the inverse in the field, and the same affine map again.
    private static byte[] MakeSubstitution()
    {
        var ofInverse = GaloisField.InverseTable(Polynomial, static inverse => Affine(inverse));
        var table = new byte[256];
        for (var x = 0; x < 256; x++)
            table[x] = ofInverse[Affine((byte)x)];
        return table;
    }

    private static byte Affine(byte value)
    {
        var result = 0;
        for (var row = 0; row < 8; row++)
        {
            var bits = (byte)(Matrix << row | Matrix >> (8 - row));
            result |= (BitOperations.PopCount((uint)(bits & value)) & 1) << row;
        }

        return (byte)(result ^ Constant);
    }
}
