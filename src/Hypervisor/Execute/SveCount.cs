using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE element counts: CNT, INC, DEC and their saturating forms, by pattern and by predicate; RDVL, ADDVL, ADDPL.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>DecodePredCount: how many of the vector's elements a pattern names.</summary>
    private static int DecodePredCount(uint pattern, int elements)
    {
        switch (pattern)
        {
            case 0:
                return elements == 0 ? 0 : 1 << System.Numerics.BitOperations.Log2((uint)elements);
            case >= 1 and <= 8:
                return elements >= pattern ? (int)pattern : 0;
            case >= 9 and <= 13:
                var count = 16 << (int)(pattern - 9);
                return elements >= count ? count : 0;
            case 29:
                return elements - (elements % 4);
            case 30:
                return elements - (elements % 3);
            case 31:
                return elements;
            default:
                return 0;
        }
    }

    /// <summary>The pattern's count times the multiplier, of encodings with both.</summary>
    private long PatternCount(uint w) => (long)DecodePredCount((w >> 5) & 0x1F, VL >> SizeField(w)) * (((w >> 16) & 0xF) + 1);

    internal static StepResult CNT_r_s(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.X(Rd(w), (ulong)c.PatternCount(w));
        return StepResult.Next;
    }

    /// <summary>INCB and relatives; D (bit 10) decrements.</summary>
    internal static StepResult INCDEC_r_rs(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var count = c.PatternCount(w);
        c.X(Rd(w), c.X(Rd(w)) + (ulong)((w >> 10 & 1) != 0 ? -count : count));
        return StepResult.Next;
    }

    /// <summary>SQINCB, UQDECW and relatives: D (bit 11), U (bit 10), and sf (bit 20) for the 64-bit forms.</summary>
    internal static StepResult SQINCDEC_r_rs(Interpreter c, uint w) =>
        c.CheckSve(out var trapped)
            ? c.SaturatingIncrement(w, c.PatternCount(w), (w >> 11 & 1) != 0, (w >> 10 & 1) != 0, (w >> 20 & 1) != 0)
            : trapped;

    private StepResult SaturatingIncrement(uint w, long count, bool decrement, bool unsigned, bool sixtyFour)
    {
        if (decrement)
            count = -count;
        var saturated = false;
        var value = X(Rd(w));
        var result = (unsigned, sixtyFour) switch
        {
            (true, true) => Int.Saturate<ulong>((Int128)value + count, ref saturated),
            (true, false) => Int.Saturate<uint>((Int128)(uint)value + count, ref saturated),
            (false, true) => (ulong)Int.Saturate<long>((Int128)(long)value + count, ref saturated),

            // The signed 32-bit form writes its result sign-extended to 64 bits.
            (false, false) => (ulong)(long)Int.Saturate<int>((Int128)(int)value + count, ref saturated),
        };
        X(Rd(w), result);
        return StepResult.Next;
    }

    /// <summary>INCH Zdn and relatives; D (bit 10) decrements.</summary>
    internal static StepResult INCDEC_z_zs(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var count = c.PatternCount(w);
        return c.AddToElements<Add>(w, (ulong)((w >> 10 & 1) != 0 ? -count : count));
    }

    /// <summary>SQINCH Zdn and relatives: D (bit 11), U (bit 10).</summary>
    internal static StepResult SQINCDEC_z_zs(Interpreter c, uint w) =>
        c.CheckSve(out var trapped)
            ? c.SaturatingAddToElements(w, c.PatternCount(w), (w >> 11 & 1) != 0, (w >> 10 & 1) != 0)
            : trapped;

    private StepResult SaturatingAddToElements(uint w, long count, bool decrement, bool unsigned) => (decrement, unsigned) switch
    {
        (false, false) => AddToElements<SqAdd>(w, (ulong)count),
        (false, true) => AddToElements<UqAdd>(w, (ulong)count),
        (true, false) => AddToElements<SqSub>(w, (ulong)count),
        (true, true) => AddToElements<UqSub>(w, (ulong)count),
    };

    private StepResult AddToElements<TOp>(uint w, ulong value) where TOp : struct, IIntBinary
    {
        var lanes = new Lanes { D = Z(Rd(w)), N = Z(Rd(w)), Bytes = VL, Immediate = value };
        LaneDispatch.Run<ImmediateLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>Number of true elements of Pm, whose field is in bits 8:5.</summary>
    private long PredicateCount(uint w)
    {
        var m = ReadPredicate((w >> 5) & 0xF).All;
        return Predicate.Of(m & Vector256.Create(ElementBits(SizeField(w)))).Count();
    }

    internal static StepResult CNTP_r_p_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var n = c.ReadPredicate((w >> 5) & 0xF).All & c.ReadPredicate((w >> 10) & 0xF).All;
        c.X(Rd(w), (ulong)Predicate.Of(n & Vector256.Create(ElementBits(SizeField(w)))).Count());
        return StepResult.Next;
    }

    /// <summary>INCP and DECP (bit 16) of Xdn.</summary>
    internal static StepResult INCDECP_r_p_r(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var count = c.PredicateCount(w);
        c.X(Rd(w), c.X(Rd(w)) + (ulong)((w >> 16 & 1) != 0 ? -count : count));
        return StepResult.Next;
    }

    /// <summary>INCP and DECP (bit 16) of Zdn.</summary>
    internal static StepResult INCDECP_z_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var count = c.PredicateCount(w);
        return c.AddToElements<Add>(w, (ulong)((w >> 16 & 1) != 0 ? -count : count));
    }

    /// <summary>SQINCP and relatives of Xdn or Wdn: D (bit 17), U (bit 16), sf (bit 10).</summary>
    internal static StepResult SQINCDECP_r_p_r(Interpreter c, uint w) =>
        c.CheckSve(out var trapped)
            ? c.SaturatingIncrement(w, c.PredicateCount(w), (w >> 17 & 1) != 0, (w >> 16 & 1) != 0, (w >> 10 & 1) != 0)
            : trapped;

    /// <summary>SQINCP and relatives of Zdn: D (bit 17), U (bit 16).</summary>
    internal static StepResult SQINCDECP_z_p_z(Interpreter c, uint w) =>
        c.CheckSve(out var trapped)
            ? c.SaturatingAddToElements(w, c.PredicateCount(w), (w >> 17 & 1) != 0, (w >> 16 & 1) != 0)
            : trapped;

    private static long SignedImm6(uint w) => (long)((ulong)w << 53) >> 58;

    internal static StepResult RDVL_r_i(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.X(Rd(w), (ulong)(c.VL * SignedImm6(w)));
        return StepResult.Next;
    }

    internal static StepResult ADDVL_r_ri(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.XSp(Rd(w), c.XSp(Rm(w)) + (ulong)(c.VL * SignedImm6(w)));
        return StepResult.Next;
    }

    internal static StepResult ADDPL_r_ri(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.XSp(Rd(w), c.XSp(Rm(w)) + (ulong)(c.VL / 8 * SignedImm6(w)));
        return StepResult.Next;
    }
}
