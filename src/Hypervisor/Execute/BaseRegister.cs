using System.Runtime.CompilerServices;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Data processing (register): logical, add and subtract, conditional compare and select.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult LogicalShifted<T, TOperation>(Interpreter c, uint word)
        where TOperation : struct, ILogicalOperation
    {
        var result = Width.Truncate<T>(TOperation.Apply(c.X(Rn(word)), ShiftedRegister<T>(c, word)));
        c.X(Rd(word), result);
        if (TOperation.SetsFlags)
            c.Cpu->Nzcv = LogicalFlags<T>(result);
        return StepResult.Next;
    }

    internal static StepResult AddShifted<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.X(Rn(word)) + ShiftedRegister<T>(c, word)));
        return StepResult.Next;
    }

    internal static StepResult AddsShifted<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.X(Rn(word)), ShiftedRegister<T>(c, word), 0, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult SubShifted<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.X(Rn(word)) - ShiftedRegister<T>(c, word)));
        return StepResult.Next;
    }

    internal static StepResult SubsShifted<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.X(Rn(word)), ~ShiftedRegister<T>(c, word), 1, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult AddExtended<T>(Interpreter c, uint word)
    {
        c.XSp(Rd(word), Width.Truncate<T>(c.XSp(Rn(word)) + ExtendedRegister(c, word)));
        return StepResult.Next;
    }

    internal static StepResult AddsExtended<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.XSp(Rn(word)), ExtendedRegister(c, word), 0, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult SubExtended<T>(Interpreter c, uint word)
    {
        c.XSp(Rd(word), Width.Truncate<T>(c.XSp(Rn(word)) - ExtendedRegister(c, word)));
        return StepResult.Next;
    }

    internal static StepResult SubsExtended<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.XSp(Rn(word)), ~ExtendedRegister(c, word), 1, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult Adc<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.X(Rn(word)), c.X(Rm(word)), c.CarryFlag, out _));
        return StepResult.Next;
    }

    internal static StepResult Adcs<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.X(Rn(word)), c.X(Rm(word)), c.CarryFlag, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult Sbc<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.X(Rn(word)), ~c.X(Rm(word)), c.CarryFlag, out _));
        return StepResult.Next;
    }

    internal static StepResult Sbcs<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.X(Rn(word)), ~c.X(Rm(word)), c.CarryFlag, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult CcmnRegister<T>(Interpreter c, uint word) => c.ConditionalCompare<T>(word, c.X(Rm(word)), 0);

    internal static StepResult CcmnImmediate<T>(Interpreter c, uint word) => c.ConditionalCompare<T>(word, Rm(word), 0);

    internal static StepResult CcmpRegister<T>(Interpreter c, uint word) => c.ConditionalCompare<T>(word, ~c.X(Rm(word)), 1);

    internal static StepResult CcmpImmediate<T>(Interpreter c, uint word) => c.ConditionalCompare<T>(word, ~(ulong)Rm(word), 1);

    internal static StepResult Csel<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.ConditionHolds(Condition(word)) ? c.X(Rn(word)) : c.X(Rm(word))));
        return StepResult.Next;
    }

    internal static StepResult Csinc<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.ConditionHolds(Condition(word)) ? c.X(Rn(word)) : c.X(Rm(word)) + 1));
        return StepResult.Next;
    }

    internal static StepResult Csinv<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.ConditionHolds(Condition(word)) ? c.X(Rn(word)) : ~c.X(Rm(word))));
        return StepResult.Next;
    }

    internal static StepResult Csneg<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.ConditionHolds(Condition(word)) ? c.X(Rn(word)) : 0 - c.X(Rm(word))));
        return StepResult.Next;
    }

    private uint CarryFlag => Cpu->Nzcv >> 29 & 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ShiftedRegister<T>(Interpreter c, uint word)
    {
        var amount = Imm6(word);
        var value = c.X(Rm(word));

        // LSL #0 is by far the most common.
        return (word & (63u << 10 | 3u << 22)) == 0 ? value : Width.Shift<T>(value, word >> 22 & 3, amount);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ExtendedRegister(Interpreter c, uint word) => Width.Extend(c.X(Rm(word)), word >> 13 & 7, (int)(word >> 10 & 7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private StepResult ConditionalCompare<T>(uint word, ulong operand, uint carry)
    {
        Cpu->Nzcv = ConditionalFlags<T>(ConditionHolds(Condition(word)), X(Rn(word)), operand, carry, word & 15);
        return StepResult.Next;
    }

    /// <summary>Flags of a conditional compare: those of the addition, or <paramref name="otherwise"/> as N:Z:C:V.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ConditionalFlags<T>(bool holds, ulong x, ulong y, uint carry, uint otherwise)
    {
        _ = Width.AddWithCarry<T>(x, y, carry, out var nzcv);
        return holds ? nzcv : otherwise << 28;
    }
}
