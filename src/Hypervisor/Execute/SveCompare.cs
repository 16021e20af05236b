using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE comparisons that write a predicate: vectors, wide elements, immediates, and scalar loop limits.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>CMPcc Pd, Pg/Z, Zn, Zm.</summary>
    internal static StepResult SveCompare<TOp>(Interpreter c, uint w) where TOp : struct, IIntCompare
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.CompareToPredicate<ComparePredicateLoop<TOp>>(w, TOp.Signed, ref lanes);
    }

    /// <summary>CMPcc Pd, Pg/Z, Zn, Zm.D.</summary>
    internal static StepResult SveCompareWide<TOp>(Interpreter c, uint w) where TOp : struct, IIntCompare
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.CompareToPredicate<CompareWideLoop<TOp>>(w, TOp.Signed, ref lanes);
    }

    /// <summary>CMPcc Pd, Pg/Z, Zn, #simm5.</summary>
    internal static StepResult SveCompareSigned<TOp>(Interpreter c, uint w) where TOp : struct, IIntCompare
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL, Immediate = SignedImm5(w >> 16) };
        return c.CompareToPredicate<CompareImmediateLoop<TOp>>(w, TOp.Signed, ref lanes);
    }

    /// <summary>CMPcc Pd, Pg/Z, Zn, #uimm7.</summary>
    internal static StepResult SveCompareUnsigned<TOp>(Interpreter c, uint w) where TOp : struct, IIntCompare
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL, Immediate = (w >> 14) & 0x7F };
        return c.CompareToPredicate<CompareImmediateLoop<TOp>>(w, TOp.Signed, ref lanes);
    }

    private StepResult CompareToPredicate<TLoop>(uint w, bool signed, ref Lanes lanes) where TLoop : struct, IIntLoop
    {
        Predicate result = default;
        lanes.D = (byte*)result.Bits;
        LaneDispatch.Run<TLoop>(SizeField(w), signed, ref lanes);
        SetPredicateFlags(ReadPredicate((w >> 10) & 7), result, SizeField(w));
        WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>
    /// WHILEcc Pd, Rn, Rm. U (bit 11) makes the comparison unsigned, lt (bit 10) counts up from the lowest element, eq
    /// (bit 4) includes the limit when counting up and, inverted, when counting down.
    /// </summary>
    internal static StepResult WHILE_p_p_rr(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var unsigned = (w >> 11 & 1) != 0;
        var ascending = (w >> 10 & 1) != 0;
        var inclusive = (w >> 4 & 1) != 0 == ascending;
        var size = SizeField(w);
        var elements = c.VL >> size;
        var n = WhileOperand(c.X(Rn(w)), w, unsigned);
        var m = WhileOperand(c.X(Rm(w)), w, unsigned);
        var (low, high) = ascending ? (n, m) : (m, n);

        // A limit that includes the end of the range never ends the loop: the counter wraps round.
        var count = 0;
        if (inclusive && m == WhileEnd(w, unsigned, ascending))
            count = elements;
        else if (low < high || (low == high && inclusive))
            count = (int)Math.Min((uint)elements, high - low + (inclusive ? 1u : 0));

        var result = FirstBits((ascending ? count : elements) << size, size);
        if (!ascending)
        {
            var unwanted = FirstBits((elements - count) << size, size);
            for (var i = 0; i < Predicate.Words; i++)
                result.Bits[i] &= ~unwanted.Bits[i];
        }

        // PredTest with every element active.
        var hasFirst = ascending ? count > 0 : count == elements;
        var hasLast = ascending ? count == elements : count > 0;
        c.Cpu->Nzcv = (hasFirst ? 1u << 31 : 0) | (count > 0 ? 0 : 1u << 30) | (hasLast ? 0 : 1u << 29);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>The operand as a number whose unsigned order is that of the comparison.</summary>
    private static ulong WhileOperand(ulong value, uint w, bool unsigned)
    {
        var wide = (w >> 12 & 1) != 0 ? value : unsigned ? (uint)value : (ulong)(int)value;
        return unsigned ? wide : wide ^ (1ul << 63);
    }

    private static ulong WhileEnd(uint w, bool unsigned, bool ascending)
    {
        var end = ((w >> 12 & 1) != 0, unsigned) switch
        {
            (true, true) => ascending ? ulong.MaxValue : 0,
            (true, false) => ascending ? long.MaxValue : unchecked((ulong)long.MinValue),
            (false, true) => ascending ? uint.MaxValue : 0,
            (false, false) => ascending ? int.MaxValue : unchecked((ulong)int.MinValue),
        };
        return unsigned ? end : end ^ (1ul << 63);
    }

    /// <summary>WHILEWR and WHILERW: elements before a store could overtake a load at the other pointer, or the other way round.</summary>
    internal static StepResult WHILE_p_rr(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var n = c.X(Rn(w));
        var m = c.X(Rm(w));
        var readAfterWrite = (w >> 4 & 1) != 0;
        var elements = (ulong)(c.VL >> size);
        var distance = readAfterWrite
            ? (n == m ? elements : (n > m ? n - m : m - n) >> size)
            : (n >= m ? elements : (m - n) >> size);
        var result = FirstBits((int)Math.Min(distance, elements) << size, size);
        c.SetPredicateFlags(c.AllTrue(size), result, size);
        c.WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>CTERMEQ, CTERMNE: N and V from the comparison, C decides V where it does not hold.</summary>
    internal static StepResult CTERM_rr(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var equal = (w >> 22 & 1) != 0 ? c.X(Rn(w)) == c.X(Rm(w)) : (uint)c.X(Rn(w)) == (uint)c.X(Rm(w));
        var terminates = equal != ((w >> 4 & 1) != 0);
        var kept = c.Cpu->Nzcv & 0x6000_0000;
        var carry = (c.Cpu->Nzcv >> 29 & 1) != 0;
        c.Cpu->Nzcv = kept | (terminates ? 0x8000_0000 : carry ? 0 : 0x1000_0000u);
        return StepResult.Next;
    }
}
