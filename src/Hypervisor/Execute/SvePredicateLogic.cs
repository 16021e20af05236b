using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE predicate generation, logic, breaks, permutes and the first-fault register.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>op Pd, Pg/Z, Pn, Pm by the operation's vector form; S (bit 22) sets the flags.</summary>
    internal static StepResult SvePredicateLogic<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var pg = c.ReadPredicate((w >> 10) & 0xF);
        var value = TOp.Vector<Host256<ulong>, ulong>(
            Host256<ulong>.Load(c.P((w >> 5) & 0xF)), Host256<ulong>.Load(c.P((w >> 16) & 0xF)));
        Predicate result;
        Host256<ulong>.Store(value, (byte*)result.Bits);
        result = Predicate.Of(result.All & pg.All);
        if ((w >> 22 & 1) != 0)
            c.SetPredicateFlags(pg, result, 0);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>SEL Pd, Pg, Pn, Pm.</summary>
    internal static StepResult SEL_p_p_pp(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var pg = c.ReadPredicate((w >> 10) & 0xF);
        var n = c.ReadPredicate((w >> 5) & 0xF);
        var m = c.ReadPredicate((w >> 16) & 0xF);
        c.WritePredicate(w & 0xF, Predicate.Of(Vector256.ConditionalSelect(pg.All, n.All, m.All)));
        return StepResult.Next;
    }

    internal static StepResult PTEST_p_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.SetPredicateFlags(c.ReadPredicate((w >> 10) & 0xF), c.ReadPredicate((w >> 5) & 0xF), 0);
        return StepResult.Next;
    }

    /// <summary>PTRUE and PTRUES (S, bit 16).</summary>
    internal static StepResult PTRUE_p_s(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var result = FirstBits(DecodePredCount((w >> 5) & 0x1F, c.VL >> size) << size, size);
        if ((w >> 16 & 1) != 0)
            c.SetPredicateFlags(result, result, size);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    internal static StepResult PFALSE_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.WritePredicate(w & 0xF, default);
        return StepResult.Next;
    }

    internal static StepResult SETFFR_f(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.WritePredicate(16, c.AllTrue(0));
        return StepResult.Next;
    }

    internal static StepResult WRFFR_f_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.WritePredicate(16, c.ReadPredicate((w >> 5) & 0xF));
        return StepResult.Next;
    }

    internal static StepResult RDFFR_p_f(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.WritePredicate(w & 0xF, c.ReadPredicate(16));
        return StepResult.Next;
    }

    /// <summary>RDFFR Pd, Pg/Z, and RDFFRS (S, bit 22).</summary>
    internal static StepResult RDFFR_p_p_f(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var pg = c.ReadPredicate((w >> 5) & 0xF);
        var result = c.ReadPredicate(16);
        result = Predicate.Of(result.All & pg.All);
        if ((w >> 22 & 1) != 0)
            c.SetPredicateFlags(pg, result, 0);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    internal static StepResult PFIRST_p_p_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var pg = c.ReadPredicate((w >> 5) & 0xF);
        var result = c.ReadPredicate(w & 0xF);
        var first = pg.First();
        if (first >= 0)
            result.Set(first);
        c.SetPredicateFlags(pg, result, 0);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    internal static StepResult PNEXT_p_p_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var pg = c.ReadPredicate((w >> 5) & 0xF);
        var previous = c.ReadPredicate(w & 0xF);
        for (var i = 0; i < Predicate.Words; i++)
            previous.Bits[i] &= ElementBits(size);
        var last = previous.Last();
        var next = pg;
        for (var i = 0; i < Predicate.Words; i++)
            next.Bits[i] &= ElementBits(size) & ~BitsBelow(last + 1 - (i * 64));
        Predicate result = default;
        if (next.First() is var found and >= 0)
            result.Set(found);
        c.SetPredicateFlags(pg, result, size);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>BRKA: true up to and including the first active element that is true in Pn. BRKB (bit 23): excluding it.</summary>
    internal static StepResult SveBreak(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var merging = (w >> 4 & 1) != 0;
        var pg = c.ReadPredicate((w >> 10) & 0xF);
        var result = BreakAt(pg, c.ReadPredicate((w >> 5) & 0xF), before: (w >> 23 & 1) != 0);
        if (merging)
        {
            var old = c.ReadPredicate(w & 0xF);
            for (var i = 0; i < Predicate.Words; i++)
                result.Bits[i] |= old.Bits[i] & ~pg.Bits[i];
        }

        if ((w >> 22 & 1) != 0)
            c.SetPredicateFlags(pg, result, 0);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>The active elements before the first that is true in Pn; with that one unless <paramref name="before"/>.</summary>
    private static Predicate BreakAt(in Predicate pg, in Predicate n, bool before)
    {
        Predicate result = default;
        for (var i = 0; i < Predicate.Words; i++)
        {
            var hits = pg.Bits[i] & n.Bits[i];
            if (hits != 0)
            {
                var lowest = hits & (0 - hits);
                result.Bits[i] = pg.Bits[i] & ((before ? lowest : lowest << 1) - 1);
                break;
            }

            result.Bits[i] = pg.Bits[i];
        }

        return result;
    }

    private static bool LastActive(in Predicate pg, in Predicate n) => pg.Last() is var last and >= 0 && n[last];

    /// <summary>BRKPA and BRKPB (bit 4): as BRKA and BRKB of Pm, if the last active element of Pn is true, else false.</summary>
    internal static StepResult SveBreakPair(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var pg = c.ReadPredicate((w >> 10) & 0xF);
        Predicate result = default;
        if (LastActive(pg, c.ReadPredicate((w >> 5) & 0xF)))
            result = BreakAt(pg, c.ReadPredicate((w >> 16) & 0xF), before: (w >> 4 & 1) != 0);
        if ((w >> 22 & 1) != 0)
            c.SetPredicateFlags(pg, result, 0);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>BRKN: Pdm stays if the last active element of Pn is true, else it becomes false.</summary>
    internal static StepResult BRKN_p_p_pp(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var pg = c.ReadPredicate((w >> 10) & 0xF);
        Predicate result = default;
        if (LastActive(pg, c.ReadPredicate((w >> 5) & 0xF)))
            result = c.ReadPredicate(w & 0xF);
        if ((w >> 22 & 1) != 0)
            c.SetPredicateFlags(c.AllTrue(0), result, 0);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>ZIP1, ZIP2, UZP1, UZP2, TRN1, TRN2 of predicates: bits 12:11 the kind, bit 10 which half.</summary>
    internal static StepResult SvePredicatePermute(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var n = c.ReadPredicate((w >> 5) & 0xF);
        var m = c.ReadPredicate((w >> 16) & 0xF);
        var elements = c.VL >> size;
        Predicate result = default;
        for (var i = 0; i < elements; i++)
        {
            PermuteSource((w >> 11) & 3, (int)(w >> 10) & 1, i, elements, out var fromM, out var index);
            CopyPredicateElement(fromM ? m : n, index, ref result, i, size);
        }

        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>Copies all the bits of an element, not only the one that makes it active.</summary>
    private static void CopyPredicateElement(in Predicate source, int from, ref Predicate result, int to, int size)
    {
        for (var bit = 0; bit < 1 << size; bit++)
        {
            if (source[(from << size) + bit])
                result.Set((to << size) + bit);
        }
    }

    internal static StepResult REV_p_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var n = c.ReadPredicate((w >> 5) & 0xF);
        var elements = c.VL >> size;
        Predicate result = default;
        for (var i = 0; i < elements; i++)
            CopyPredicateElement(n, elements - 1 - i, ref result, i, size);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>PUNPKLO and PUNPKHI (bit 16): each bit of half the predicate becomes an element of two bits.</summary>
    internal static StepResult PUNPK_p_p(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var n = c.ReadPredicate((w >> 5) & 0xF);
        var start = (w >> 16 & 1) != 0 ? c.VL / 2 : 0;
        Predicate result = default;
        for (var i = 0; i < c.VL / 2; i++)
        {
            if (n[start + i])
                result.Set(i * 2);
        }

        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }
}
