using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>A trapped MRS, MSR or SYS as ESR_ELx.ISS of EC 0x18 describes it.</summary>
internal readonly record struct SystemRegisterAccess(SystemRegister Register, byte Rt, bool IsRead)
{
    /// <summary>Takes ESR apart: Op0[21:20] Op2[19:17] Op1[16:14] CRn[13:10] Rt[9:5] CRm[4:1] Direction[0].</summary>
    public static SystemRegisterAccess Decode(uint esr)
    {
        var op0 = (esr >> 20) & 3;
        var op2 = (esr >> 17) & 7;
        var op1 = (esr >> 14) & 7;
        var crn = (esr >> 10) & 0xf;
        var crm = (esr >> 1) & 0xf;
        var register = (SystemRegister)((op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2);
        return new SystemRegisterAccess(register, (byte)((esr >> 5) & 0x1f), (esr & 1) != 0);
    }
}

/// <summary>Whether EL0 may use a register that traps: only op1 = 3 has any, and EL1 decides about timers.</summary>
internal static class UserAccess
{
    internal enum Result
    {
        Allowed,
        Undefined,
        TrapToEl1,
    }

    /// <param name="cntkctl">CNTKCTL_EL1: EL0PCTEN bit 0, EL0VCTEN bit 1, EL0VTEN bit 8, EL0PTEN bit 9.</param>
    public static Result Check(SystemRegister register, bool isRead, ulong cntkctl)
    {
        ulong enables;
        if (!isRead && register is (SystemRegister.CNTFRQ_EL0 or SystemRegister.CNTPCT_EL0 or SystemRegister.CNTVCT_EL0))
            return Result.Undefined;
        switch (register)
        {
            case SystemRegister.CNTFRQ_EL0:
                enables = 0b11;
                break;
            case SystemRegister.CNTPCT_EL0:
                enables = 1;
                break;
            case SystemRegister.CNTVCT_EL0:
                enables = 2;
                break;
            case SystemRegister.CNTV_CTL_EL0 or SystemRegister.CNTV_CVAL_EL0 or SystemRegister.CNTV_TVAL_EL0:
                enables = 1 << 8;
                break;
            case SystemRegister.CNTP_CTL_EL0 or SystemRegister.CNTP_CVAL_EL0 or SystemRegister.CNTP_TVAL_EL0:
                enables = 1 << 9;
                break;
            default:
                return Result.Undefined;
        }

        return (cntkctl & enables) != 0 ? Result.Allowed : Result.TrapToEl1;
    }
}
