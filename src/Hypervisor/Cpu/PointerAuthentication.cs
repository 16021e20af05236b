using System.Numerics;

namespace CloudVm.Hypervisor.Cpu;

/// <summary>The pointer authentication keys; each is 128 bits, set through two system registers such as APIAKeyLo_EL1.</summary>
public enum PointerKey
{
    /// <summary>APIAKey: instruction addresses.</summary>
    InstructionA,

    /// <summary>APIBKey: instruction addresses.</summary>
    InstructionB,

    /// <summary>APDAKey: data addresses.</summary>
    DataA,

    /// <summary>APDBKey: data addresses.</summary>
    DataB,

    /// <summary>APGAKey: any data, by PACGA.</summary>
    Generic,
}

/// <summary>
/// FEAT_PAuth with an implementation-defined algorithm and without FPAC: a failed authentication returns a pointer that no
/// translation accepts. Pseudocode AddPAC, Auth, Strip for the EL1&amp;0 regime.
/// </summary>
public static unsafe class PointerAuthentication
{
    private const int MaximumRegionSizeField = 39; // no FEAT_TTST
    private const int MinimumRegionSizeField = 16; // no FEAT_LVA
    private const ulong TagMask = 0xffUL << 56;
    private const ulong Bit55 = 1UL << 55;

    /// <summary>AddPAC: <paramref name="pointer"/> with a code in its unused bits. Those bits not being all equal spoils the code.</summary>
    public static ulong Add(CpuState* cpu, ulong pointer, ulong modifier, PointerKey key)
    {
        var data = key >= PointerKey.DataA;
        var tagged = IgnoresTopByte(cpu, pointer, data);
        var upper = (pointer >> (TagsAnywhere(cpu, data) ? 55 : 63) & 1) != 0;
        var code = CodeBits(cpu, upper, tagged);
        var extended = upper ? pointer | code | Bit55 : pointer & ~(code | Bit55);
        var pac = Compute(cpu, extended, modifier, key);
        var unused = pointer & (code | Bit55);
        if (unused != 0 && unused != (code | Bit55))
            pac ^= 1UL << (tagged ? 54 : 62);
        return (extended & ~code) | (pac & code);
    }

    /// <summary>Auth: the original of a pointer that <see cref="Add"/> made, or one with an error code in its top bits.</summary>
    public static ulong Authenticate(CpuState* cpu, ulong pointer, ulong modifier, PointerKey key)
    {
        var tagged = IgnoresTopByte(cpu, pointer, key >= PointerKey.DataA);
        var code = CodeBits(cpu, (pointer & Bit55) != 0, tagged);
        var original = (pointer & Bit55) != 0 ? pointer | code : pointer & ~code;
        if (((Compute(cpu, original, modifier, key) ^ pointer) & code) == 0)
            return original;

        // 01 for an A key, 10 for a B key.
        var shift = tagged ? 53 : 61;
        var error = ((int)key & 1) != 0 ? 2UL : 1UL;
        return (original & ~(3UL << shift)) | (error << shift);
    }

    /// <summary>Strip: the pointer without its code, authentic or not.</summary>
    public static ulong Strip(CpuState* cpu, ulong pointer, bool data)
    {
        var upper = (pointer & Bit55) != 0;
        var code = CodeBits(cpu, upper, IgnoresTopByte(cpu, pointer, data));
        return upper ? pointer | code : pointer & ~code;
    }

    /// <summary>EffectiveTBI of an address: TCR_EL1.TBIn, which TBIDn takes back for instruction addresses.</summary>
    private static bool IgnoresTopByte(CpuState* cpu, ulong address, bool data)
    {
        var upper = (int)(address >> 55 & 1);
        return (cpu->TcrEl1 >> (37 + upper) & 1) != 0 && (data || (cpu->TcrEl1 >> (51 + upper) & 1) == 0);
    }

    /// <summary>
    /// ComputePAC, implementation defined: SipHash with one round per word and three to finish, over the pointer and the modifier.
    /// </summary>
    public static ulong Compute(CpuState* cpu, ulong pointer, ulong modifier, PointerKey key)
    {
        var low = cpu->PointerKeys[2 * (int)key];
        var high = cpu->PointerKeys[(2 * (int)key) + 1];
        var v0 = low ^ 0x736f6d6570736575;
        var v1 = high ^ 0x646f72616e646f6d;
        var v2 = low ^ 0x6c7967656e657261;
        var v3 = high ^ 0x7465646279746573 ^ pointer;
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= pointer;
        v3 ^= modifier;
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= modifier;
        v2 ^= 0xff;
        for (var i = 0; i < 3; i++)
            Round(ref v0, ref v1, ref v2, ref v3);
        return v0 ^ v1 ^ v2 ^ v3;
    }

    private static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v3;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 += v3;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 += v1;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v2 = BitOperations.RotateLeft(v2, 32);
    }

    /// <summary>Whether either half of the address space ignores top bytes: bit 55 then tells the half, else bit 63.</summary>
    private static bool TagsAnywhere(CpuState* cpu, bool data) =>
        IgnoresTopByte(cpu, 0, data) || IgnoresTopByte(cpu, Bit55, data);

    /// <summary>
    /// The bits that hold the code: from CalculateBottomPACBit to bit 54, and the top byte unless it is a tag. Bit 55 keeps telling
    /// the half of the address space.
    /// </summary>
    private static ulong CodeBits(CpuState* cpu, bool upper, bool tagged)
    {
        var size = (int)(cpu->TcrEl1 >> (upper ? 16 : 0) & 0x3f);
        var bottom = 64 - Math.Clamp(size, MinimumRegionSizeField, MaximumRegionSizeField);
        return (Bit55 - (1UL << bottom)) | (tagged ? 0 : TagMask);
    }
}
