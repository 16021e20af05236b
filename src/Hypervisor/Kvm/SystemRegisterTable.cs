using System.Collections.Frozen;
using System.Globalization;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// The system registers of a vCPU in ascending encoding order, as <c>sys_reg_descs</c> has them: how the guest reaches those that trap
/// and how ONE_REG reaches all of them.
/// </summary>
internal static unsafe class SystemRegisterTable
{
    private const ulong FpexcReset = 0x700;

    private static readonly List<ulong> ShadowResets = [];

    /// <summary>All rows in ascending order of encoding.</summary>
    public static IReadOnlyList<SystemRegisterRow> Rows { get; } = Build();

    private static readonly FrozenDictionary<SystemRegister, SystemRegisterRow> ByRegister = Rows.ToFrozenDictionary(r => r.Register);

    /// <summary>Entries of a vCPU's shadow array.</summary>
    public static int ShadowCount => ShadowResets.Count;

    public static void ResetShadow(Span<ulong> shadow)
    {
        for (var i = 0; i < shadow.Length; i++)
            shadow[i] = ShadowResets[i];
    }

    /// <summary>
    /// Registers that a generation of kernels keeps apart: nobody can change them, and they precede the others in the register list.
    /// </summary>
    public static IReadOnlyList<SystemRegister> Invariant(AbiProfile abi) => abi.CachesAreFabricated ? InvariantAlways : InvariantWithCaches;

    private static readonly SystemRegister[] InvariantAlways = [SystemRegister.MIDR_EL1, SystemRegister.REVIDR_EL1, SystemRegister.AIDR_EL1];

    private static readonly SystemRegister[] InvariantWithCaches =
    [
        SystemRegister.MIDR_EL1, SystemRegister.REVIDR_EL1, SystemRegister.CLIDR_EL1, SystemRegister.AIDR_EL1, SystemRegister.CTR_EL0,
    ];

    /// <summary>The row of a register that the vCPU has, or null.</summary>
    public static SystemRegisterRow? Find(KvmVcpu vcpu, SystemRegister register) =>
        ByRegister.TryGetValue(register, out var row) && row.IsVisibleTo(vcpu) ? row : null;

    /// <summary>The name of a register that some vCPU has, or null.</summary>
    public static string? NameOf(SystemRegister register) => ByRegister.GetValueOrDefault(register)?.Name;

    /// <summary>Whether any vCPU could have the register, or KVM keeps it from all of them as it does with SME's.</summary>
    public static bool IsKnown(SystemRegister register) => ByRegister.ContainsKey(register) || (ushort)register is
        0xc094 or 0xc096 or 0xc806 or 0xda12 or 0xde85; // SMPRI_EL1, SMCR_EL1, SMIDR_EL1, SVCR, TPIDR2_EL0

    /// <summary>A trapped MRS; false means UNDEF.</summary>
    public static bool TryGuestRead(KvmVcpu vcpu, CpuState* cpu, SystemRegister register, out ulong value)
    {
        value = 0;
        if (register == SystemRegister.CCSIDR_EL1)
        {
            value = vcpu.Ccsidr((uint)(cpu->CsselrEl1 & 0xf));
            return true;
        }

        if (IsIgnoredDebugRegister(register))
            return true;
        if (Find(vcpu, register) is not { IsGuestAccessible: true } row)
            return false;
        value = Read(vcpu, cpu, row);
        return true;
    }

    /// <summary>A trapped MSR; false means UNDEF.</summary>
    public static bool TryGuestWrite(KvmVcpu vcpu, CpuState* cpu, SystemRegister register, ulong value)
    {
        if (register == SystemRegister.OSLAR_EL1)
        {
            cpu->OslsrEl1 = SelfHostedDebug.OslsrReset | ((value & 1) != 0 ? SelfHostedDebug.OslsrLocked : 0);
            return true;
        }

        if (IsIgnoredDebugRegister(register))
            return true;
        if (Find(vcpu, register) is not { IsReadOnly: false, IsGuestAccessible: true } row)
            return false;
        switch (row.Home)
        {
            case RegisterHome.Field:
                row.Field!(ref *cpu) = value;
                return true;
            case RegisterHome.Shadow:
                vcpu.Shadow(row.Shadow) = value;
                return true;
            default:
                return false;
        }
    }

    /// <summary>The value of a register in <paramref name="cpu"/>.</summary>
    public static ulong Read(KvmVcpu vcpu, CpuState* cpu, SystemRegisterRow row) => row.Home switch
    {
        _ when row.PresenceFor(vcpu) == RegisterPresence.ReadsAsZero => 0,
        RegisterHome.Field => row.Field!(ref *cpu),
        RegisterHome.Shadow => vcpu.Shadow(row.Shadow),
        _ => vcpu.IdentificationValue(row.Register),
    };

    private static List<SystemRegisterRow> Build()
    {
        var rows = new List<SystemRegisterRow>();
        AddDebug(rows);
        rows.Add(Identification(SystemRegister.MIDR_EL1));
        rows.Add(Field(SystemRegister.MPIDR_EL1, static (ref s) => ref s.VmpidrEl2) with { IsReadOnly = true });
        rows.Add(Identification(SystemRegister.REVIDR_EL1));
        AddIdentificationSpace(rows);
        AddControl(rows);
        AddMemoryTagging(rows);
        AddPmu(rows);
        rows.Add(Identification(SystemRegister.CLIDR_EL1));
        rows.Add(Identification(SystemRegister.AIDR_EL1));
        rows.Add(Field(SystemRegister.CSSELR_EL1, static (ref s) => ref s.CsselrEl1));
        rows.Add(Identification(SystemRegister.CTR_EL0));
        rows.Add(Field(SystemRegister.TPIDR_EL0, static (ref s) => ref s.TpidrEl0));
        rows.Add(Field(SystemRegister.TPIDRRO_EL0, static (ref s) => ref s.TpidrroEl0));

        // State of AArch32 EL1, which KVM keeps and lists though no guest here can reach it.
        rows.Add(ShadowOnly(3, 4, 3, 0, 0, "DACR32_EL2", KvmVcpu.UnknownReset));
        rows.Add(ShadowOnly(3, 4, 5, 0, 1, "IFSR32_EL2", KvmVcpu.UnknownReset));
        rows.Add(ShadowOnly(3, 4, 5, 3, 0, "FPEXC32_EL2", FpexcReset));
        rows.Sort(static (a, b) => a.Register.CompareTo(b.Register));
        return rows;
    }

    private static void AddDebug(List<SystemRegisterRow> rows)
    {
        for (var n = 0; n < 16; n++)
        {
            // KVM keeps and lists 16 of each; those beyond what the CPU has do nothing.
            var index = n;
            var isBreakpoint = n < SelfHostedDebug.BreakpointCount;
            var isWatchpoint = n < SelfHostedDebug.WatchpointCount;
            rows.Add(Debug(n, 4, "DBGBVR", isBreakpoint ? (ref s) => ref s.DbgBvr[index] : null));
            rows.Add(Debug(n, 5, "DBGBCR", isBreakpoint ? (ref s) => ref s.DbgBcr[index] : null));
            rows.Add(Debug(n, 6, "DBGWVR", isWatchpoint ? (ref s) => ref s.DbgWvr[index] : null));
            rows.Add(Debug(n, 7, "DBGWCR", isWatchpoint ? (ref s) => ref s.DbgWcr[index] : null));
        }

        rows.Add(Shadow(2, 0, 0, 2, 0, "MDCCINT_EL1"));
        rows.Add(Field(SystemRegister.MDSCR_EL1, static (ref s) => ref s.MdscrEl1));
        rows.Add(Field(SystemRegister.OSLSR_EL1, static (ref s) => ref s.OslsrEl1) with { IsReadOnly = true });
        rows.Add(ShadowOnly(2, 4, 0, 7, 0, "DBGVCR32_EL2"));
    }

    /// <summary>op0 3, op1 0, CRn 0: AArch32's registers (CRm 1 to 3), AArch64's (4 to 7), and gaps between them.</summary>
    private static void AddIdentificationSpace(List<SystemRegisterRow> rows)
    {
        for (var crm = 1; crm <= 7; crm++)
        {
            for (var op2 = 0; op2 < 8; op2++)
            {
                var register = Encode(3, 0, 0, crm, op2);
                var name = Enum.GetName(register) ?? string.Create(CultureInfo.InvariantCulture, $"ID_3_0_0_{crm}_{op2}");
                rows.Add(new SystemRegisterRow(register, name, RegisterHome.Identification)
                {
                    IsReadOnly = true,
                    Visibility = IdentificationVisibility(register),
                });
            }
        }
    }

    private static RegisterVisibility IdentificationVisibility(SystemRegister register) => register switch
    {
        SystemRegister.ID_AA64ZFR0_EL1 => RegisterVisibility.SveOrZero,
        SystemRegister.ID_AA64SMFR0_EL1 => RegisterVisibility.Zero, // SME is hidden from every guest
        _ => (ushort)register switch
        {
            0xc00b or 0xc01b or 0xc01d or 0xc01f => RegisterVisibility.Zero, // ID_AFR0_EL1, a gap, ID_DFR1_EL1, a gap
            < (ushort)SystemRegister.ID_AA64PFR0_EL1 => RegisterVisibility.AArch32OrZero,
            _ => RegisterVisibility.Always,
        },
    };

    /// <summary>FEAT_MTE2: only ONE_REG reaches these here, since the engine executes no tagging.</summary>
    private static void AddMemoryTagging(List<SystemRegisterRow> rows)
    {
        ReadOnlySpan<SystemRegister> registers =
            [SystemRegister.RGSR_EL1, SystemRegister.GCR_EL1, SystemRegister.TFSR_EL1, SystemRegister.TFSRE0_EL1];
        foreach (var register in registers)
            rows.Add(ShadowOnly(register, KvmVcpu.UnknownReset) with { Visibility = RegisterVisibility.MemoryTaggingOnly });
    }

    /// <summary>PMUv3: only ONE_REG reaches these here, since the engine counts no events.</summary>
    private static void AddPmu(List<SystemRegisterRow> rows)
    {
        const int Counters = 31;
        const ulong LongCycles = 1 << 6; // PMCR_EL0.LC
        Add(3, 0, 9, 14, 1, "PMINTENSET_EL1");
        Add(3, 0, 9, 14, 2, "PMINTENCLR_EL1");
        Add(3, 3, 9, 12, 0, "PMCR_EL0", LongCycles);
        Add(3, 3, 9, 12, 1, "PMCNTENSET_EL0");
        Add(3, 3, 9, 12, 2, "PMCNTENCLR_EL0");
        Add(3, 3, 9, 12, 3, "PMOVSCLR_EL0");
        Add(3, 3, 9, 12, 4, "PMSWINC_EL0");
        Add(3, 3, 9, 12, 5, "PMSELR_EL0");
        Add(3, 3, 9, 13, 0, "PMCCNTR_EL0");
        Add(3, 3, 9, 14, 0, "PMUSERENR_EL0");
        Add(3, 3, 9, 14, 3, "PMOVSSET_EL0");
        for (var n = 0; n < Counters; n++)
        {
            Add(3, 3, 14, 8 + (n >> 3), n & 7, string.Create(CultureInfo.InvariantCulture, $"PMEVCNTR{n}_EL0"));
            Add(3, 3, 14, 12 + (n >> 3), n & 7, string.Create(CultureInfo.InvariantCulture, $"PMEVTYPER{n}_EL0"));
        }

        Add(3, 3, 14, 15, 7, "PMCCFILTR_EL0");

        void Add(int op0, int op1, int crn, int crm, int op2, string name, ulong reset = 0) =>
            rows.Add(ShadowOnly(op0, op1, crn, crm, op2, name, reset) with { Visibility = RegisterVisibility.PmuOnly });
    }

    private static void AddControl(List<SystemRegisterRow> rows)
    {
        rows.Add(Field(SystemRegister.SCTLR_EL1, static (ref s) => ref s.SctlrEl1));
        rows.Add(Field(SystemRegister.ACTLR_EL1, static (ref s) => ref s.ActlrEl1));
        rows.Add(Field(SystemRegister.CPACR_EL1, static (ref s) => ref s.CpacrEl1));
        rows.Add(Field(SystemRegister.ZCR_EL1, static (ref s) => ref s.ZcrEl1) with { Visibility = RegisterVisibility.SveOnly });
        rows.Add(Field(SystemRegister.TTBR0_EL1, static (ref s) => ref s.Ttbr0El1));
        rows.Add(Field(SystemRegister.TTBR1_EL1, static (ref s) => ref s.Ttbr1El1));
        rows.Add(Field(SystemRegister.TCR_EL1, static (ref s) => ref s.TcrEl1));
        rows.Add(PermissionIndirection(3, 0, 2, 0, 3, "TCR2_EL1", 0));
        AddPointerKeys(rows);
        rows.Add(Field(SystemRegister.AFSR0_EL1, static (ref s) => ref s.Afsr0El1));
        rows.Add(Field(SystemRegister.AFSR1_EL1, static (ref s) => ref s.Afsr1El1));
        rows.Add(Field(SystemRegister.ESR_EL1, static (ref s) => ref s.EsrEl1));
        rows.Add(Field(SystemRegister.FAR_EL1, static (ref s) => ref s.FarEl1));
        rows.Add(Field(SystemRegister.PAR_EL1, static (ref s) => ref s.ParEl1));
        rows.Add(Field(SystemRegister.MAIR_EL1, static (ref s) => ref s.MairEl1));
        rows.Add(PermissionIndirection(3, 0, 10, 2, 2, "PIRE0_EL1", KvmVcpu.UnknownReset));
        rows.Add(PermissionIndirection(3, 0, 10, 2, 3, "PIR_EL1", KvmVcpu.UnknownReset));
        rows.Add(Field(SystemRegister.AMAIR_EL1, static (ref s) => ref s.AmairEl1));
        rows.Add(Field(SystemRegister.VBAR_EL1, static (ref s) => ref s.VbarEl1));
        rows.Add(Field(SystemRegister.DISR_EL1, static (ref s) => ref s.DisrEl1));
        rows.Add(Field(SystemRegister.CONTEXTIDR_EL1, static (ref s) => ref s.ContextIdrEl1));
        rows.Add(Field(SystemRegister.TPIDR_EL1, static (ref s) => ref s.TpidrEl1));
        rows.Add(Field(SystemRegister.CNTKCTL_EL1, static (ref s) => ref s.CntkctlEl1));
    }

    private static void AddPointerKeys(List<SystemRegisterRow> rows)
    {
        rows.Add(PointerKey(SystemRegister.APIAKeyLo_EL1, static (ref s) => ref s.PointerKeys[0]));
        rows.Add(PointerKey(SystemRegister.APIAKeyHi_EL1, static (ref s) => ref s.PointerKeys[1]));
        rows.Add(PointerKey(SystemRegister.APIBKeyLo_EL1, static (ref s) => ref s.PointerKeys[2]));
        rows.Add(PointerKey(SystemRegister.APIBKeyHi_EL1, static (ref s) => ref s.PointerKeys[3]));
        rows.Add(PointerKey(SystemRegister.APDAKeyLo_EL1, static (ref s) => ref s.PointerKeys[4]));
        rows.Add(PointerKey(SystemRegister.APDAKeyHi_EL1, static (ref s) => ref s.PointerKeys[5]));
        rows.Add(PointerKey(SystemRegister.APDBKeyLo_EL1, static (ref s) => ref s.PointerKeys[6]));
        rows.Add(PointerKey(SystemRegister.APDBKeyHi_EL1, static (ref s) => ref s.PointerKeys[7]));
        rows.Add(PointerKey(SystemRegister.APGAKeyLo_EL1, static (ref s) => ref s.PointerKeys[8]));
        rows.Add(PointerKey(SystemRegister.APGAKeyHi_EL1, static (ref s) => ref s.PointerKeys[9]));
    }

    /// <summary>Debug registers that exist, read as zero and ignore writes: OSDLR, DBGPRCR, MDRAR, DBGCLAIM*, DBGAUTHSTATUS, DCC.</summary>
    private static bool IsIgnoredDebugRegister(SystemRegister register) => (ushort)register is
        0x809c or 0x80a4 or 0x8080 or 0x83c6 or 0x83ce or 0x83f6 or 0x9808 or 0x9828 or 0x8002 or 0x801a or 0x8032;

    private static SystemRegisterRow Debug(int crm, int op2, string name, CpuStateField? field) => field is null
        ? Shadow(2, 0, 0, crm, op2, Numbered(name, crm))
        : new(Encode(2, 0, 0, crm, op2), Numbered(name, crm), RegisterHome.Field) { Field = field };

    private static SystemRegisterRow Field(SystemRegister register, CpuStateField field) =>
        new(register, register.ToString(), RegisterHome.Field) { Field = field };

    private static SystemRegisterRow PointerKey(SystemRegister register, CpuStateField field) =>
        Field(register, field) with { Visibility = RegisterVisibility.PtrauthOnly };

    private static SystemRegisterRow Identification(SystemRegister register) =>
        new(register, register.ToString(), RegisterHome.Identification) { IsReadOnly = true };

    private static SystemRegisterRow Shadow(int op0, int op1, int crn, int crm, int op2, string name, ulong reset = 0)
    {
        ShadowResets.Add(reset);
        return new(Encode(op0, op1, crn, crm, op2), name, RegisterHome.Shadow) { Shadow = ShadowResets.Count - 1 };
    }

    /// <summary>State for ONE_REG only: no guest here has the feature that would reach it.</summary>
    private static SystemRegisterRow ShadowOnly(int op0, int op1, int crn, int crm, int op2, string name, ulong reset = 0) =>
        Shadow(op0, op1, crn, crm, op2, name, reset) with { IsGuestAccessible = false };

    private static SystemRegisterRow ShadowOnly(SystemRegister register, ulong reset)
    {
        var id = (int)register;
        return ShadowOnly(id >> 14, id >> 11 & 7, id >> 7 & 0xf, id >> 3 & 0xf, id & 7, register.ToString(), reset);
    }

    private static SystemRegisterRow PermissionIndirection(int op0, int op1, int crn, int crm, int op2, string name, ulong reset) =>
        ShadowOnly(op0, op1, crn, crm, op2, name, reset) with { Visibility = RegisterVisibility.PermissionIndirectionOnly };

    private static string Numbered(string name, int n) => string.Create(CultureInfo.InvariantCulture, $"{name}{n}_EL1");

    private static SystemRegister Encode(int op0, int op1, int crn, int crm, int op2) =>
        (SystemRegister)((op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2);
}
