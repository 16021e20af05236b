using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;
using static System.Numerics.BitOperations;

namespace CloudVm.Hypervisor.Execute;

/// <summary>The cryptographic extension: SM3 and SM4.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult SM3SS1_VVV4_crypto4(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var sum = RotateLeft(c.V<uint>(Rn(w)).GetElement(3), 12) + c.V<uint>(Rm(w)).GetElement(3) + c.V<uint>(Ra(w)).GetElement(3);
        return c.SetV(w, Vector128.Create(0, 0, 0, RotateLeft(sum, 7)));
    }

    internal static StepResult SM3TT1A_VVV4_crypto3_imm2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<uint>(Rd(w));
        return c.Sm3Round1(w, d, d.GetElement(1) ^ d.GetElement(2) ^ d.GetElement(3));
    }

    internal static StepResult SM3TT1B_VVV4_crypto3_imm2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<uint>(Rd(w));
        return c.Sm3Round1(w, d, Sha.Majority(d.GetElement(3), d.GetElement(2), d.GetElement(1)));
    }

    internal static StepResult SM3TT2A_VVV4_crypto3_imm2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<uint>(Rd(w));
        return c.Sm3Round2(w, d, d.GetElement(1) ^ d.GetElement(2) ^ d.GetElement(3));
    }

    internal static StepResult SM3TT2B_VVV_crypto3_imm2(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var d = c.V<uint>(Rd(w));
        return c.Sm3Round2(w, d, Sha.Choose(d.GetElement(3), d.GetElement(2), d.GetElement(1)));
    }

    /// <summary>The half of a round that makes a new A; imm2 (bits 13:12) chooses the message word.</summary>
    private StepResult Sm3Round1(uint w, Vector128<uint> d, uint mixed)
    {
        var ss2 = V<uint>(Rn(w)).GetElement(3) ^ RotateLeft(d.GetElement(3), 12);
        var tt1 = mixed + d.GetElement(0) + ss2 + V<uint>(Rm(w)).GetElement((int)(w >> 12) & 3);
        return SetV(w, Vector128.Create(d.GetElement(1), RotateLeft(d.GetElement(2), 9), d.GetElement(3), tt1));
    }

    /// <summary>The half of a round that makes a new E.</summary>
    private StepResult Sm3Round2(uint w, Vector128<uint> d, uint mixed)
    {
        var tt2 = mixed + d.GetElement(0) + V<uint>(Rn(w)).GetElement(3) + V<uint>(Rm(w)).GetElement((int)(w >> 12) & 3);
        return SetV(w, Vector128.Create(d.GetElement(1), RotateLeft(d.GetElement(2), 19), d.GetElement(3), Sha.Permute0(tt2)));
    }

    internal static StepResult SM3PARTW1_VVV4_cryptosha512_3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var dn = c.V<uint>(Rd(w)) ^ c.V<uint>(Rn(w));
        var m = c.V<uint>(Rm(w));
        var r0 = Sha.Permute1(dn.GetElement(0) ^ RotateLeft(m.GetElement(1), 15));
        var r1 = Sha.Permute1(dn.GetElement(1) ^ RotateLeft(m.GetElement(2), 15));
        var r2 = Sha.Permute1(dn.GetElement(2) ^ RotateLeft(m.GetElement(3), 15));
        return c.SetV(w, Vector128.Create(r0, r1, r2, Sha.Permute1(dn.GetElement(3) ^ RotateLeft(r0, 15))));
    }

    internal static StepResult SM3PARTW2_VVV4_cryptosha512_3(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var m = c.V<uint>(Rm(w));
        var t = c.V<uint>(Rn(w)) ^ (m << 7 | m >>> 25);
        var carried = Sha.Permute1(RotateLeft(t.GetElement(0), 15));
        return c.SetV(w, c.V<uint>(Rd(w)) ^ t ^ Vector128.Create(0, 0, 0, carried));
    }

    internal static StepResult SM4E_VV4_cryptosha512_2(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, Sm4Rounds.Encrypt(c.V<uint>(Rd(w)), c.V<uint>(Rn(w)))) : trapped;

    internal static StepResult SM4EKEY_VVV4_cryptosha512_3(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.SetV(w, Sm4Rounds.ExpandKey(c.V<uint>(Rn(w)), c.V<uint>(Rm(w)))) : trapped;
}
