using System.Globalization;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Names of ONE_REG ids: Arm's where Arm has one, else those of the kernel's header.</summary>
/// <remarks>Thread: any.</remarks>
public static class RegisterNames
{
    private static readonly string[] Spsr = ["SPSR_EL1", "SPSR_ABT", "SPSR_UND", "SPSR_IRQ", "SPSR_FIQ"];

    private static readonly string[] FirmwareNames =
        ["PSCI_VERSION", "SMCCC_ARCH_WORKAROUND_1", "SMCCC_ARCH_WORKAROUND_2", "SMCCC_ARCH_WORKAROUND_3"];

    private static readonly string[] BitmapNames = ["STD_BMAP", "STD_HYP_BMAP", "VENDOR_HYP_BMAP"];

    /// <summary>The name of an id, or the id itself (<c>0x</c> and 16 digits) where it has none.</summary>
    public static string NameOf(ulong id)
    {
        var index = (int)(id & 0xffff);
        var name = (id & RegisterId.GroupMask) switch
        {
            RegisterId.Core => CoreName(index, id & RegisterId.SizeMask),
            RegisterId.Sve => SveName(id, index),
            RegisterId.Firmware when index < FirmwareNames.Length => FirmwareNames[index],
            RegisterId.FirmwareBitmap when index < BitmapNames.Length => BitmapNames[index],
            RegisterId.Demux => Numbered("CCSIDR", index),
            RegisterId.SysReg => TimerName((SystemRegister)index) ?? SystemRegisterTable.NameOf((SystemRegister)index),
            _ => null,
        };
        return name ?? Text(id);
    }

    /// <summary>An id as text: <c>0x</c> and 16 hexadecimal digits.</summary>
    public static string Text(ulong id) => string.Create(CultureInfo.InvariantCulture, $"0x{id:x16}");

    /// <summary>Whether text is an id, with or without <c>0x</c> in front of its 16 digits.</summary>
    public static bool TryParseId(string text, out ulong id)
    {
        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text.AsSpan(2) : text;
        id = 0;
        return digits.Length == 16 && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id);
    }

    private static string? CoreName(int word, ulong size) => (word, size) switch
    {
        ( < RegisterId.CoreSp, RegisterId.U64) when (word & 1) == 0 => Numbered("X", word / 2),
        (RegisterId.CoreSp, RegisterId.U64) => "SP_EL0",
        (RegisterId.CorePc, RegisterId.U64) => "PC",
        (RegisterId.CorePstate, RegisterId.U64) => "PSTATE",
        (RegisterId.CoreSpEl1, RegisterId.U64) => "SP_EL1",
        (RegisterId.CoreElrEl1, RegisterId.U64) => "ELR_EL1",
        ( >= RegisterId.CoreSpsr and < RegisterId.CoreSpsr + 10, RegisterId.U64) when (word & 1) == 0 => Spsr[(word - RegisterId.CoreSpsr) / 2],
        ( >= RegisterId.CoreV and < RegisterId.CoreFpsr, RegisterId.U128) when (word & 3) == 0 => Numbered("V", (word - RegisterId.CoreV) / 4),
        (RegisterId.CoreFpsr, RegisterId.U32) => "FPSR",
        (RegisterId.CoreFpcr, RegisterId.U32) => "FPCR",
        _ => null,
    };

    private static string? SveName(ulong id, int index)
    {
        const int SliceMask = 0x1f;
        const int Predicates = 16;
        if (id == RegisterId.SveVls)
            return "SVE_VLS";
        if ((index & SliceMask) != 0)
            return null;
        if (index < RegisterId.SvePBase)
            return Numbered("Z", index >> 5);
        var p = (index - RegisterId.SvePBase) >> 5;
        return p < Predicates ? Numbered("P", p) : p == Predicates ? "FFR" : null;
    }

    /// <summary>
    /// Timers go by the kernel's names: the encodings of CNTV_CVAL_EL0 and CNTVCT_EL0 are exchanged in its interface, so Arm's would mislead.
    /// </summary>
    private static string? TimerName(SystemRegister register) => register switch
    {
        SystemRegister.CNTV_CTL_EL0 => "TIMER_CTL",
        SystemRegister.CNTV_CVAL_EL0 => "TIMER_CNT",
        SystemRegister.CNTVCT_EL0 => "TIMER_CVAL",
        SystemRegister.CNTP_CTL_EL0 => "PTIMER_CTL",
        SystemRegister.CNTPCT_EL0 => "PTIMER_CNT",
        SystemRegister.CNTP_CVAL_EL0 => "PTIMER_CVAL",
        _ => null,
    };

    private static string Numbered(string name, int number) => string.Create(CultureInfo.InvariantCulture, $"{name}{number}");
}
