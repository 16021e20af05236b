namespace CloudVm.Hypervisor.Fp;

/// <summary>FPRounding of the pseudocode; the first four have the encoding of FPCR.RMode.</summary>
public enum FPRounding
{
    TieEven = 0,
    PosInf = 1,
    NegInf = 2,
    Zero = 3,
    TieAway = 4,
    Odd = 5,
}

/// <summary>
/// The control and status a floating-point operation runs under: FPCR as read, FPSR accumulated. Copied in before an
/// instruction and its <see cref="Fpsr"/> copied out after it.
/// </summary>
public struct FpContext(uint fpcr, uint fpsr)
{
    /// <summary>FPSR.IOC: an invalid operation happened.</summary>
    public const uint InvalidOp = 1u << 0;

    /// <summary>FPSR.DZC: a division by zero happened.</summary>
    public const uint DivideByZero = 1u << 1;

    /// <summary>FPSR.OFC: an overflow happened.</summary>
    public const uint Overflow = 1u << 2;

    /// <summary>FPSR.UFC: an underflow happened.</summary>
    public const uint Underflow = 1u << 3;

    /// <summary>FPSR.IXC: a result was inexact.</summary>
    public const uint Inexact = 1u << 4;

    /// <summary>FPSR.IDC: a denormal input was flushed to zero.</summary>
    public const uint InputDenormal = 1u << 7;

    /// <summary>FPSR.QC: an AdvSIMD integer operation saturated.</summary>
    public const uint Saturation = 1u << 27;

    /// <summary>FPCR.AHP.</summary>
    public const uint AlternativeHalfBit = 1u << 26;

    /// <summary>FPCR at the start of the instruction.</summary>
    public readonly uint Fpcr = fpcr;

    /// <summary>FPSR, with what the operations so far have raised.</summary>
    public uint Fpsr = fpsr;

    /// <summary>FPCR.RMode.</summary>
    public readonly FPRounding Rounding => (FPRounding)((Fpcr >> 22) & 3);

    /// <summary>FPCR.DN: every NaN result is the default NaN.</summary>
    public readonly bool DefaultNaN => (Fpcr & (1u << 25)) != 0;

    /// <summary>FPCR.FZ: flush single and double denormals to zero.</summary>
    public readonly bool FlushToZero => (Fpcr & (1u << 24)) != 0;

    /// <summary>FPCR.FZ16: flush half-precision denormals to zero.</summary>
    public readonly bool FlushToZero16 => (Fpcr & (1u << 19)) != 0;

    /// <summary>FPCR.AHP: conversions use Arm's alternative half format, without infinities and NaNs.</summary>
    public readonly bool AlternativeHalf => (Fpcr & AlternativeHalfBit) != 0;

    /// <summary>Whether this format's denormals are flushed to zero.</summary>
    public readonly bool Flushes<TFormat>() where TFormat : struct, IFpFormat =>
        TFormat.Width == 16 ? FlushToZero16 : FlushToZero;

    /// <summary>FPProcessException with traps disabled, as they are on this implementation (FPCR.xxE are RAZ/WI).</summary>
    public void Raise(uint flag) => Fpsr |= flag;
}
