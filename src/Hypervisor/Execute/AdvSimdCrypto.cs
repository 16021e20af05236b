using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;
using static System.Numerics.BitOperations;
using F = CloudVm.Hypervisor.Isa.Fields;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// The cryptographic extension: rounds of AES, SHA-1, SHA-256, SHA-512, SHA-3, SM3 and SM4. Words and doublewords of a register are
/// numbered from its low end, as in the pseudocode's Elem.
/// </summary>
public sealed unsafe partial class Interpreter
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<T> V<T>(uint n) => Unsafe.ReadUnaligned<Vector128<T>>(Z(n));

    private StepResult SetV<T>(uint w, Vector128<T> value)
    {
        Unsafe.WriteUnaligned(Z(Rd(w)), value);
        ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    internal static StepResult AESE_B_cryptoaes(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, AesRounds.Encrypt(c.V<byte>(Rd(w)), c.V<byte>(Rn(w)))) : trapped;

    internal static StepResult AESD_B_cryptoaes(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, AesRounds.Decrypt(c.V<byte>(Rd(w)), c.V<byte>(Rn(w)))) : trapped;

    internal static StepResult AESMC_B_cryptoaes(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, AesRounds.MixColumns(c.V<byte>(Rn(w)))) : trapped;

    internal static StepResult AESIMC_B_cryptoaes(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, AesRounds.InverseMixColumns(c.V<byte>(Rn(w)))) : trapped;

    /// <summary>SHA1C, SHA1P, SHA1M: four rounds.</summary>
    internal static StepResult Sha1Hash<TFunction>(Interpreter c, uint w) where TFunction : struct, ISha1Function
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var x = c.V<uint>(Rd(w));
        var y = *(uint*)c.Z(Rn(w));
        var words = c.V<uint>(Rm(w));
        for (var i = 0; i < 4; i++)
        {
            var mixed = TFunction.Apply(x.GetElement(1), x.GetElement(2), x.GetElement(3));
            y += RotateLeft(x.GetElement(0), 5) + mixed + words.GetElement(i);
            var last = x.GetElement(3);
            x = Vector128.Create(y, x.GetElement(0), RotateLeft(x.GetElement(1), 30), x.GetElement(2));
            y = last;
        }

        return c.SetV(w, x);
    }

    internal static StepResult SHA1SU0_VVV_cryptosha3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<ulong>(Rd(w));
        return c.SetV(w, Vector128.Create(d.GetElement(1), c.V<ulong>(Rn(w)).GetElement(0)) ^ d ^ c.V<ulong>(Rm(w)));
    }

    internal static StepResult SHA1SU1_VV_cryptosha2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var n = c.V<uint>(Rn(w));
        var t = c.V<uint>(Rd(w)) ^ Vector128.Create(n.GetElement(1), n.GetElement(2), n.GetElement(3), 0);
        return c.SetV(w, (t << 1 | t >>> 31) ^ Vector128.Create(0, 0, 0, RotateLeft(t.GetElement(0), 2)));
    }

    internal static StepResult SHA1H_SS_cryptosha2(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, Vector128.CreateScalar(RotateLeft(*(uint*)c.Z(Rn(w)), 30))) : trapped;

    internal static StepResult SHA256H_QQV_cryptosha3(Interpreter c, uint w) => c.Sha256Hash(w, Rd(w), Rn(w), first: true);

    internal static StepResult SHA256H2_QQV_cryptosha3(Interpreter c, uint w) => c.Sha256Hash(w, Rn(w), Rd(w), first: false);

    /// <summary>SHA256hash: four rounds on the state X (a to d) and Y (e to h); the instruction returns one half.</summary>
    private StepResult Sha256Hash(uint w, uint xRegister, uint yRegister, bool first)
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var x = V<uint>(xRegister);
        var y = V<uint>(yRegister);
        var words = V<uint>(Rm(w));
        for (var i = 0; i < 4; i++)
        {
            var choose = Sha.Choose(y.GetElement(0), y.GetElement(1), y.GetElement(2));
            var majority = Sha.Majority(x.GetElement(0), x.GetElement(1), x.GetElement(2));
            var t = y.GetElement(3) + Sha.BigSigma1(y.GetElement(0)) + choose + words.GetElement(i);
            var x3 = t + x.GetElement(3);
            var y3 = t + Sha.BigSigma0(x.GetElement(0)) + majority;
            x = Vector128.Create(y3, x.GetElement(0), x.GetElement(1), x.GetElement(2));
            y = Vector128.Create(x3, y.GetElement(0), y.GetElement(1), y.GetElement(2));
        }

        return SetV(w, first ? x : y);
    }

    internal static StepResult SHA256SU0_VV_cryptosha2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<uint>(Rd(w));
        var next = *(uint*)c.Z(Rn(w));
        return c.SetV(w, d + Vector128.Create(
            Sha.SmallSigma0(d.GetElement(1)), Sha.SmallSigma0(d.GetElement(2)), Sha.SmallSigma0(d.GetElement(3)), Sha.SmallSigma0(next)));
    }

    internal static StepResult SHA256SU1_VVV_cryptosha3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var n = c.V<uint>(Rn(w));
        var m = c.V<uint>(Rm(w));
        var sum = c.V<uint>(Rd(w)) + Vector128.Create(n.GetElement(1), n.GetElement(2), n.GetElement(3), m.GetElement(0));
        var r0 = sum.GetElement(0) + Sha.SmallSigma1(m.GetElement(2));
        var r1 = sum.GetElement(1) + Sha.SmallSigma1(m.GetElement(3));
        return c.SetV(w, Vector128.Create(r0, r1, sum.GetElement(2) + Sha.SmallSigma1(r0), sum.GetElement(3) + Sha.SmallSigma1(r1)));
    }

    internal static StepResult SHA512H_QQV_cryptosha512_3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var (x, y, state) = (c.V<ulong>(Rn(w)), c.V<ulong>(Rm(w)), c.V<ulong>(Rd(w)));
        var (x0, x1, y0, y1) = (x.GetElement(0), x.GetElement(1), y.GetElement(0), y.GetElement(1));
        var high = state.GetElement(1) + Sha.BigSigma1(y1) + Sha.Choose(y1, x0, x1);
        var t = high + y0;
        return c.SetV(w, Vector128.Create(state.GetElement(0) + Sha.BigSigma1(t) + Sha.Choose(t, y1, x0), high));
    }

    internal static StepResult SHA512H2_QQV_cryptosha512_3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var (x, y, state) = (c.V<ulong>(Rn(w)), c.V<ulong>(Rm(w)), c.V<ulong>(Rd(w)));
        var (y0, y1) = (y.GetElement(0), y.GetElement(1));
        var high = state.GetElement(1) + Sha.BigSigma0(y0) + Sha.Majority(x.GetElement(0), y1, y0);
        return c.SetV(w, Vector128.Create(state.GetElement(0) + Sha.BigSigma0(high) + Sha.Majority(high, y0, y1), high));
    }

    internal static StepResult SHA512SU0_VV2_cryptosha512_2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<ulong>(Rd(w));
        return c.SetV(w, d + Vector128.Create(Sha.SmallSigma0(d.GetElement(1)), Sha.SmallSigma0(*(ulong*)c.Z(Rn(w)))));
    }

    internal static StepResult SHA512SU1_VVV2_cryptosha512_3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var n = c.V<ulong>(Rn(w));
        var sigma = Vector128.Create(Sha.SmallSigma1(n.GetElement(0)), Sha.SmallSigma1(n.GetElement(1)));
        return c.SetV(w, c.V<ulong>(Rd(w)) + sigma + c.V<ulong>(Rm(w)));
    }

    internal static StepResult EOR3_VVV16_crypto4(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, c.V<ulong>(Rn(w)) ^ c.V<ulong>(Rm(w)) ^ c.V<ulong>(Ra(w))) : trapped;

    internal static StepResult BCAX_VVV16_crypto4(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, c.V<ulong>(Rn(w)) ^ (c.V<ulong>(Rm(w)) & ~c.V<ulong>(Ra(w)))) : trapped;

    internal static StepResult RAX1_VVV2_cryptosha512_3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var m = c.V<ulong>(Rm(w));
        return c.SetV(w, c.V<ulong>(Rn(w)) ^ (m << 1 | m >>> 63));
    }

    internal static StepResult XAR_VVV2_crypto3_imm6(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var mixed = c.V<ulong>(Rn(w)) ^ c.V<ulong>(Rm(w));
        var rotation = (int)F.XAR_VVV2_crypto3_imm6.imm6(w);
        return c.SetV(w, Vector128.Create(RotateRight(mixed.GetElement(0), rotation), RotateRight(mixed.GetElement(1), rotation)));
    }
}
