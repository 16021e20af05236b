namespace CloudVm.Hypervisor.Cpu;

/// <summary>
/// Encodings of system registers and system instructions as op0:op1:CRn:CRm:op2 in 16 bits, which is also bits 20:5 of MRS, MSR and
/// SYS, and the index part of a KVM ONE_REG identifier. Names are Arm's.
/// </summary>
public static class SystemRegisterId
{
    public const uint SCTLR_EL1 = 0xc080; // 3, 0, c1, c0, 0
    public const uint ACTLR_EL1 = 0xc081; // 3, 0, c1, c0, 1
    public const uint CPACR_EL1 = 0xc082; // 3, 0, c1, c0, 2
    public const uint ZCR_EL1 = 0xc090; // 3, 0, c1, c2, 0
    public const uint MIDR_EL1 = 0xc000; // 3, 0, c0, c0, 0
    public const uint MPIDR_EL1 = 0xc005; // 3, 0, c0, c0, 5
    public const uint TTBR0_EL1 = 0xc100; // 3, 0, c2, c0, 0
    public const uint TTBR1_EL1 = 0xc101; // 3, 0, c2, c0, 1
    public const uint TCR_EL1 = 0xc102; // 3, 0, c2, c0, 2
    public const uint SPSR_EL1 = 0xc200; // 3, 0, c4, c0, 0
    public const uint ELR_EL1 = 0xc201; // 3, 0, c4, c0, 1
    public const uint SP_EL0 = 0xc208; // 3, 0, c4, c1, 0
    public const uint SPSel = 0xc210; // 3, 0, c4, c2, 0
    public const uint CurrentEL = 0xc212; // 3, 0, c4, c2, 2
    public const uint PAN = 0xc213; // 3, 0, c4, c2, 3
    public const uint UAO = 0xc214; // 3, 0, c4, c2, 4
    public const uint APIAKeyLo_EL1 = 0xc108; // 3, 0, c2, c1, 0
    public const uint APIBKeyHi_EL1 = 0xc10b; // 3, 0, c2, c1, 3
    public const uint APDAKeyLo_EL1 = 0xc110; // 3, 0, c2, c2, 0
    public const uint APDBKeyHi_EL1 = 0xc113; // 3, 0, c2, c2, 3
    public const uint APGAKeyLo_EL1 = 0xc118; // 3, 0, c2, c3, 0
    public const uint APGAKeyHi_EL1 = 0xc119; // 3, 0, c2, c3, 1
    public const uint AFSR0_EL1 = 0xc288; // 3, 0, c5, c1, 0
    public const uint AFSR1_EL1 = 0xc289; // 3, 0, c5, c1, 1
    public const uint ESR_EL1 = 0xc290; // 3, 0, c5, c2, 0
    public const uint FAR_EL1 = 0xc300; // 3, 0, c6, c0, 0
    public const uint PAR_EL1 = 0xc3a0; // 3, 0, c7, c4, 0
    public const uint MAIR_EL1 = 0xc510; // 3, 0, c10, c2, 0
    public const uint AMAIR_EL1 = 0xc518; // 3, 0, c10, c3, 0
    public const uint VBAR_EL1 = 0xc600; // 3, 0, c12, c0, 0
    public const uint ISR_EL1 = 0xc608; // 3, 0, c12, c1, 0
    public const uint DISR_EL1 = 0xc609; // 3, 0, c12, c1, 1
    public const uint CONTEXTIDR_EL1 = 0xc681; // 3, 0, c13, c0, 1
    public const uint TPIDR_EL1 = 0xc684; // 3, 0, c13, c0, 4
    public const uint CNTKCTL_EL1 = 0xc708; // 3, 0, c14, c1, 0
    public const uint CSSELR_EL1 = 0xd000; // 3, 2, c0, c0, 0
    public const uint CTR_EL0 = 0xd801; // 3, 3, c0, c0, 1
    public const uint DCZID_EL0 = 0xd807; // 3, 3, c0, c0, 7
    public const uint RNDR = 0xd920; // 3, 3, c2, c4, 0
    public const uint RNDRRS = 0xd921; // 3, 3, c2, c4, 1
    public const uint NZCV = 0xda10; // 3, 3, c4, c2, 0
    public const uint DAIF = 0xda11; // 3, 3, c4, c2, 1
    public const uint DIT = 0xda15; // 3, 3, c4, c2, 5
    public const uint SSBS = 0xda16; // 3, 3, c4, c2, 6
    public const uint FPCR = 0xda20; // 3, 3, c4, c4, 0
    public const uint FPSR = 0xda21; // 3, 3, c4, c4, 1
    public const uint TPIDR_EL0 = 0xde82; // 3, 3, c13, c0, 2
    public const uint TPIDRRO_EL0 = 0xde83; // 3, 3, c13, c0, 3
    public const uint MDSCR_EL1 = 0x8012; // 2, 0, c0, c2, 2
    public const uint IC_IALLUIS = 0x4388; // 1, 0, c7, c1, 0
    public const uint IC_IALLU = 0x43a8; // 1, 0, c7, c5, 0
    public const uint IC_IVAU = 0x5ba9; // 1, 3, c7, c5, 1
    public const uint DC_IVAC = 0x43b1; // 1, 0, c7, c6, 1
    public const uint DC_ISW = 0x43b2; // 1, 0, c7, c6, 2
    public const uint DC_CSW = 0x43d2; // 1, 0, c7, c10, 2
    public const uint DC_CISW = 0x43f2; // 1, 0, c7, c14, 2
    public const uint DC_ZVA = 0x5ba1; // 1, 3, c7, c4, 1
    public const uint DC_CVAC = 0x5bd1; // 1, 3, c7, c10, 1
    public const uint DC_CVAU = 0x5bd9; // 1, 3, c7, c11, 1
    public const uint DC_CVAP = 0x5be1; // 1, 3, c7, c12, 1
    public const uint DC_CVADP = 0x5be9; // 1, 3, c7, c13, 1
    public const uint DC_CIVAC = 0x5bf1; // 1, 3, c7, c14, 1
    public const uint CFP_RCTX = 0x5b9c; // 1, 3, c7, c3, 4
    public const uint DVP_RCTX = 0x5b9d; // 1, 3, c7, c3, 5
    public const uint CPP_RCTX = 0x5b9f; // 1, 3, c7, c3, 7
    public const uint AT_S1E1R = 0x43c0; // 1, 0, c7, c8, 0
    public const uint AT_S1E1W = 0x43c1; // 1, 0, c7, c8, 1
    public const uint AT_S1E0R = 0x43c2; // 1, 0, c7, c8, 2
    public const uint AT_S1E0W = 0x43c3; // 1, 0, c7, c8, 3
    public const uint AT_S1E1RP = 0x43c8; // 1, 0, c7, c9, 0
    public const uint AT_S1E1WP = 0x43c9; // 1, 0, c7, c9, 1

    /// <summary>The encoding in an MRS, MSR, SYS or SYSL instruction.</summary>
    public static uint FromInstruction(uint word) => word >> 5 & 0xffff;

    /// <summary>ISS of a trapped access (EC 0x18) by the given instruction.</summary>
    public static uint TrapSyndrome(uint word)
    {
        var id = FromInstruction(word);
        var op0 = id >> 14;
        var op1 = id >> 11 & 7;
        var crn = id >> 7 & 15;
        var crm = id >> 3 & 15;
        var op2 = id & 7;
        var isRead = word >> 21 & 1;
        return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | (word & 31) << 5 | crm << 1 | isRead;
    }
}
