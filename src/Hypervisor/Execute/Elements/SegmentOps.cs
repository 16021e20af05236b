using System.Runtime.Intrinsics;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>An operation on 128-bit segments.</summary>
internal interface ISegmentOp
{
    static abstract Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b);
}

internal readonly struct AesEncrypt : ISegmentOp
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => AesRounds.Encrypt(a, b);
}

internal readonly struct AesDecrypt : ISegmentOp
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => AesRounds.Decrypt(a, b);
}

/// <summary>Of one operand.</summary>
internal readonly struct AesMixColumns : ISegmentOp
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => AesRounds.MixColumns(a);
}

/// <summary>Of one operand.</summary>
internal readonly struct AesInverseMixColumns : ISegmentOp
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => AesRounds.InverseMixColumns(a);
}

internal readonly struct Sm4Encrypt : ISegmentOp
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Sm4Rounds.Encrypt(a.AsUInt32(), b.AsUInt32()).AsByte();
}

internal readonly struct Sm4ExpandKey : ISegmentOp
{
    public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b) => Sm4Rounds.ExpandKey(a.AsUInt32(), b.AsUInt32()).AsByte();
}
