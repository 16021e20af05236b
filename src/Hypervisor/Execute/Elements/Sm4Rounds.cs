using System.Runtime.Intrinsics;
using static System.Numerics.BitOperations;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>Rounds of SM4 (GB/T 32907-2016), four at a time.</summary>
internal static class Sm4Rounds
{
    private const int Polynomial = 0x1f5;
    private const byte Matrix = 0xa7;
    private const byte Constant = 0xd3;
    private static readonly byte[] Substitution = MakeSubstitution();

    /// <summary>SM4E: four rounds on a state with their keys.</summary>
    public static Vector128<uint> Encrypt(Vector128<uint> state, Vector128<uint> keys)
    {
        for (var i = 0; i < 4; i++)
        {
            var t = Substitute(state.GetElement(3) ^ state.GetElement(2) ^ state.GetElement(1) ^ keys.GetElement(i));
            t ^= RotateLeft(t, 2) ^ RotateLeft(t, 10) ^ RotateLeft(t, 18) ^ RotateLeft(t, 24);
            state = Vector128.Create(state.GetElement(1), state.GetElement(2), state.GetElement(3), t ^ state.GetElement(0));
        }

        return state;
    }

    /// <summary>SM4EKEY: the keys of four rounds, from those of the four before and the constants of the key expansion.</summary>
    public static Vector128<uint> ExpandKey(Vector128<uint> keys, Vector128<uint> constants)
    {
        for (var i = 0; i < 4; i++)
        {
            var t = Substitute(keys.GetElement(3) ^ keys.GetElement(2) ^ keys.GetElement(1) ^ constants.GetElement(i));
            t ^= RotateLeft(t, 13) ^ RotateLeft(t, 23);
            keys = Vector128.Create(keys.GetElement(1), keys.GetElement(2), keys.GetElement(3), t ^ keys.GetElement(0));
        }

        return keys;
    }

    /// <summary>The S-box on each byte of a word.</summary>
    private static uint Substitute(uint word) =>
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
            result |= (PopCount((uint)(bits & value)) & 1) << row;
        }

        return (byte)(result ^ Constant);
    }
}
