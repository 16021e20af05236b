using System;
using System.Collections.Generic;
using System.Globalization;
using Microsoft.CodeAnalysis;

namespace CloudVm.Hypervisor.Generators;

/// <summary>
/// Orders rows so that the more specific one is tried first, and reports pairs that match a common word although neither is more
/// specific. A row is more specific when it fixes all the bits that the other fixes and more, or the same bits under a constraint.
/// </summary>
internal static class OverlapChecker
{
    /// <summary>Negative when <paramref name="a"/> must be tried before <paramref name="b"/>.</summary>
    public static int Compare(DecodeRow a, DecodeRow b)
    {
        var byBits = Bits.Count(b.Mask).CompareTo(Bits.Count(a.Mask));
        if (byBits != 0)
            return byBits;
        var byConstraints = b.Constraints.Count.CompareTo(a.Constraints.Count);
        return byConstraints != 0 ? byConstraints : a.Opcode.CompareTo(b.Opcode);
    }

    /// <summary>Checks every pair that can share a word. <paramref name="rows"/> are those of one leaf of the decode tree.</summary>
    public static void Check(IReadOnlyList<DecodeRow> rows, ISet<long> reported, Action<Diagnostic> report)
    {
        for (var i = 0; i < rows.Count; i++)
        {
            for (var j = i + 1; j < rows.Count; j++)
            {
                var first = rows[i];
                var second = rows[j];
                if (!TryFindCommonWord(first, second, out var word) || IsMoreSpecific(first, second) || IsMoreSpecific(second, first))
                    continue;
                if (first.Opcode > second.Opcode)
                    (first, second) = (second, first);
                if (reported.Add(((long)first.Opcode << 32) | (uint)second.Opcode))
                {
                    report(Diagnostic.Create(
                        Diagnostics.Overlap, second.Location, first.Name, second.Name, word.ToString("x8", CultureInfo.InvariantCulture)));
                }
            }
        }
    }

    private static bool IsMoreSpecific(DecodeRow a, DecodeRow b)
    {
        if ((a.Mask & b.Mask) != b.Mask)
            return false;
        return a.Mask != b.Mask || a.Constraints.Count > b.Constraints.Count;
    }

    /// <summary>
    /// Finds a word that both rows match. Constrained fields that are not fixed by either row get a few candidate values; a
    /// constraint on a field that the other row fixes is decided exactly.
    /// </summary>
    private static bool TryFindCommonWord(DecodeRow a, DecodeRow b, out uint word)
    {
        word = a.Value | b.Value;
        if (((a.Value ^ b.Value) & a.Mask & b.Mask) != 0)
            return false;
        var free = ~(a.Mask | b.Mask);
        var constraints = new List<DecodeConstraint>(a.Constraints);
        constraints.AddRange(b.Constraints);
        return Satisfy(constraints, 0, free, ref word);
    }

    private static bool Satisfy(List<DecodeConstraint> constraints, int index, uint free, ref uint word)
    {
        if (index == constraints.Count)
        {
            foreach (var constraint in constraints)
            {
                if (!constraint.Holds(word))
                    return false;
            }

            return true;
        }

        var field = constraints[index].Field;
        var open = field.WordMask & free;
        if (open == 0)
            return constraints[index].Holds(word) && Satisfy(constraints, index + 1, free, ref word);

        // Fields under constraint are at most a few bits wide, except immediates, where the ends of the range suffice.
        var limit = Math.Min(Bits.Ones(field.Width), 63u);
        for (uint value = 0; value <= limit; value++)
        {
            if (TryField(constraints, index, free, field, value, ref word))
                return true;
        }

        return limit != Bits.Ones(field.Width) && TryField(constraints, index, free, field, Bits.Ones(field.Width), ref word);
    }

    private static bool TryField(List<DecodeConstraint> constraints, int index, uint free, DecodeField field, uint value, ref uint word)
    {
        var candidate = (word & ~(field.WordMask & free)) | (field.Insert(value) & free);
        if (field.Extract(candidate) != value || !Satisfy(constraints, index + 1, free & ~field.WordMask, ref candidate))
            return false;
        word = candidate;
        return true;
    }
}
