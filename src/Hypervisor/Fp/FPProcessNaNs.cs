namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPProcessNaN: quiets a signalling NaN (raising IOC) and applies FPCR.DN.</summary>
    internal static ulong FPProcessNaN<TFormat>(FPType type, ulong op, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (type == FPType.SNaN)
        {
            context.Raise(FpContext.InvalidOp);
            op |= QuietBit<TFormat>();
        }

        return context.DefaultNaN ? FPDefaultNaN<TFormat>() : op;
    }

    /// <summary>FPProcessNaNs: a signalling NaN wins over a quiet one, the first operand over the second.</summary>
    internal static bool FPProcessNaNs<TFormat>(
        in Unpacked value1, in Unpacked value2, ulong op1, ulong op2, ref FpContext context, out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (value1.Type == FPType.SNaN)
            result = FPProcessNaN<TFormat>(value1.Type, op1, ref context);
        else if (value2.Type == FPType.SNaN)
            result = FPProcessNaN<TFormat>(value2.Type, op2, ref context);
        else if (value1.Type == FPType.QNaN)
            result = FPProcessNaN<TFormat>(value1.Type, op1, ref context);
        else if (value2.Type == FPType.QNaN)
            result = FPProcessNaN<TFormat>(value2.Type, op2, ref context);
        else
        {
            result = 0;
            return false;
        }

        return true;
    }

    /// <summary>FPProcessNaNs3: as <see cref="FPProcessNaNs"/> over three operands.</summary>
    internal static bool FPProcessNaNs3<TFormat>(
        in Unpacked value1,
        in Unpacked value2,
        in Unpacked value3,
        ulong op1,
        ulong op2,
        ulong op3,
        ref FpContext context,
        out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (value1.Type != FPType.SNaN && value2.Type != FPType.SNaN && value3.Type == FPType.SNaN)
        {
            result = FPProcessNaN<TFormat>(value3.Type, op3, ref context);
            return true;
        }

        if (FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out result))
            return true;
        if (value3.Type != FPType.QNaN)
            return false;
        result = FPProcessNaN<TFormat>(value3.Type, op3, ref context);
        return true;
    }
}
