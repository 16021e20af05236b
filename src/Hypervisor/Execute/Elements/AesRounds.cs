using System.Runtime.Intrinsics;
using HostAes = System.Runtime.Intrinsics.X86.Aes;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// The steps of an AES round (FIPS 197) on a 4×4 state whose columns are consecutive bytes. Where the host has AES instructions they
/// do the work; the portable forms define the result and serve every other host.
/// </summary>
internal static unsafe class AesRounds
{
    private const int Polynomial = 0x11b;
    private static readonly byte[] Substitution = GaloisField.InverseTable(Polynomial, static inverse => Affine(inverse));
    private static readonly byte[] InverseSubstitution = GaloisField.Reverse(Substitution);

    /// <summary>AESE: SubBytes(ShiftRows(state ^ key)).</summary>
    public static Vector128<byte> Encrypt(Vector128<byte> state, Vector128<byte> key) => HostAes.IsSupported
        ? HostAes.EncryptLast(state ^ key, Vector128<byte>.Zero)
        : EncryptPortable(state, key);

    /// <summary>AESD: InvSubBytes(InvShiftRows(state ^ key)).</summary>
    public static Vector128<byte> Decrypt(Vector128<byte> state, Vector128<byte> key) => HostAes.IsSupported
        ? HostAes.DecryptLast(state ^ key, Vector128<byte>.Zero)
        : DecryptPortable(state, key);

    /// <summary>AESMC: MixColumns.</summary>
    public static Vector128<byte> MixColumns(Vector128<byte> state) => HostAes.IsSupported
        ? HostAes.Encrypt(HostAes.DecryptLast(state, Vector128<byte>.Zero), Vector128<byte>.Zero)
        : MixColumnsPortable(state);

    /// <summary>AESIMC: InvMixColumns.</summary>
    public static Vector128<byte> InverseMixColumns(Vector128<byte> state) => HostAes.IsSupported
        ? HostAes.InverseMixColumns(state)
        : InverseMixColumnsPortable(state);

    public static Vector128<byte> EncryptPortable(Vector128<byte> state, Vector128<byte> key)
    {
        var source = state ^ key;
        var result = Vector128<byte>.Zero;
        for (var i = 0; i < 16; i++)
            ((byte*)&result)[i] = Substitution[((byte*)&source)[(i + ((i & 3) * 4)) & 15]];
        return result;
    }

    public static Vector128<byte> DecryptPortable(Vector128<byte> state, Vector128<byte> key)
    {
        var source = state ^ key;
        var result = Vector128<byte>.Zero;
        for (var i = 0; i < 16; i++)
            ((byte*)&result)[i] = InverseSubstitution[((byte*)&source)[(i - ((i & 3) * 4)) & 15]];
        return result;
    }

    public static Vector128<byte> MixColumnsPortable(Vector128<byte> state) => Mix(state, 2, 3, 1, 1);

    public static Vector128<byte> InverseMixColumnsPortable(Vector128<byte> state) => Mix(state, 14, 11, 13, 9);

    /// <summary>Every column times the circulant matrix with the given first row.</summary>
    private static Vector128<byte> Mix(Vector128<byte> state, int a, int b, int c, int d)
    {
        var result = Vector128<byte>.Zero;
        var source = (byte*)&state;
        for (var i = 0; i < 16; i++)
        {
            var column = source + (i & ~3);
            var mixed = GaloisField.Multiply(column[i & 3], a, Polynomial) ^ GaloisField.Multiply(column[(i + 1) & 3], b, Polynomial)
                ^ GaloisField.Multiply(column[(i + 2) & 3], c, Polynomial) ^ GaloisField.Multiply(column[(i + 3) & 3], d, Polynomial);
            ((byte*)&result)[i] = (byte)mixed;
        }

        return result;
    }

    /// <summary>The affine transformation of SubBytes: each bit is the sum of five, then 0x63 is added.</summary>
    private static byte Affine(byte value)
    {
        var twice = value * 0x101;
        return (byte)(value ^ (twice >> 7) ^ (twice >> 6) ^ (twice >> 5) ^ (twice >> 4) ^ 0x63);
    }
}
