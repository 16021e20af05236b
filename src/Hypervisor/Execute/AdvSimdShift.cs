using System.Numerics;
using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>AdvSIMD shifts by an immediate: immh:immb (bits 22:16) holds the element size and the amount.</summary>
public sealed unsafe partial class Interpreter
{
    private static int ImmediateSize(uint w) => BitOperations.Log2((w >> 19) & 0xF);

    /// <summary>Amount of a right shift.</summary>
    private static int RightAmount(uint w) => (16 << ImmediateSize(w)) - (int)((w >> 16) & 0x7F);

    /// <summary>Amount of a left shift.</summary>
    private static int LeftAmount(uint w) => (int)((w >> 16) & 0x7F) - (8 << ImmediateSize(w));

    /// <summary>op Vd, Vn, #shift toward the right.</summary>
    internal static StepResult AsimdShiftRight<TOp>(Interpreter c, uint w) where TOp : struct, IIntShift =>
        c.AsimdShift<TOp>(w, RightAmount(w));

    /// <summary>op Vd, Vn, #shift toward the left.</summary>
    internal static StepResult AsimdShiftLeft<TOp>(Interpreter c, uint w) where TOp : struct, IIntShift =>
        c.AsimdShift<TOp>(w, LeftAmount(w));

    private StepResult AsimdShift<TOp>(uint w, int amount) where TOp : struct, IIntShift
    {
        var size = ImmediateSize(w);
        if (IsReserved(w, size))
            return Undefined(w);
        if (!CheckFp(out var trapped))
            return trapped;
        var lanes = AsimdLanes(w, size);
        lanes.Shift = amount;
        return RunAsimd<ShiftLoop<TOp>>(w, size, TOp.Signed, ref lanes);
    }

    /// <summary>SHRN, SQSHRN and relatives.</summary>
    internal static StepResult AsimdShiftNarrow<TOp>(Interpreter c, uint w) where TOp : struct, INarrow =>
        c.CheckFp(out var trapped) ? c.NarrowBy<TOp>(w, ImmediateSize(w) + 1, RightAmount(w)) : trapped;

    /// <summary>SSHLL, USHLL (U, bit 29).</summary>
    internal static StepResult AsimdShiftLong(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.ShiftLong(w, ImmediateSize(w), LeftAmount(w), (w >> 29 & 1) == 0) : trapped;

    /// <summary>SCVTF, UCVTF (U, bit 29) from fixed point.</summary>
    internal static StepResult AsimdFixedToFp(Interpreter c, uint w) => c.AsimdConvertFixed<FixedToFpLoop>(w);

    /// <summary>FCVTZS, FCVTZU (U, bit 29) to fixed point.</summary>
    internal static StepResult AsimdFpToFixed(Interpreter c, uint w) => c.AsimdConvertFixed<FpToFixedLoop>(w);

    private StepResult AsimdConvertFixed<TLoop>(uint w) where TLoop : struct, IFpLoop
    {
        var size = ImmediateSize(w);
        if (IsReserved(w, size))
            return Undefined(w);
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var lanes = AsimdLanes(w, size);
        lanes.Shift = RightAmount(w);
        lanes.Immediate = (w >> 29) & 1;
        LaneDispatch.RunFp<TLoop>(size, ref lanes, ref context);
        EndFp(context);
        return FinishAsimd(w, lanes);
    }

    /// <summary>D = N as fixed point with Shift fraction bits, to floating point; Immediate is 1 for unsigned.</summary>
    private readonly struct FixedToFpLoop : IFpLoop
    {
        public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
        {
            var unsigned = lanes.Immediate != 0;
            for (var i = 0; i < lanes.Bytes / (TFormat.Width / 8); i++)
            {
                var value = LoadElement<TFormat>(lanes.N, i);
                if (!unsigned)
                    value = (ulong)((long)(value << (64 - TFormat.Width)) >> (64 - TFormat.Width));
                StoreElement<TFormat>(lanes.D, i, FixedToFP<TFormat>(value, lanes.Shift, unsigned, context.Rounding, ref context));
            }
        }
    }

    /// <summary>D = N as floating point, to fixed point with Shift fraction bits, rounding toward zero.</summary>
    private readonly struct FpToFixedLoop : IFpLoop
    {
        public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
        {
            var unsigned = lanes.Immediate != 0;
            for (var i = 0; i < lanes.Bytes / (TFormat.Width / 8); i++)
            {
                var value = LoadElement<TFormat>(lanes.N, i);
                StoreElement<TFormat>(
                    lanes.D, i, FPToFixed<TFormat>(value, lanes.Shift, unsigned, FPRounding.Zero, TFormat.Width, ref context));
            }
        }
    }
}
