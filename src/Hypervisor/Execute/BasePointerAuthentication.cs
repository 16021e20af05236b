using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using static CloudVm.Hypervisor.Execute.Operands;
using F = CloudVm.Hypervisor.Isa.Fields;
using Id = CloudVm.Hypervisor.Cpu.SystemRegisterId;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Pointer authentication: signing, checking and stripping pointers, and the branches and loads that check first.</summary>
public sealed unsafe partial class Interpreter
{
    private const ulong SctlrEnIa = 1UL << 31;
    private const ulong SctlrEnIb = 1UL << 30;
    private const ulong SctlrEnDa = 1UL << 27;
    private const ulong SctlrEnDb = 1UL << 13;

    /// <summary>PACIA, PACIB, PACDA, PACDB Xd, Xn|SP; opcode bits 1:0 are the key, bit 3 stands for a zero modifier (PACIZA …).</summary>
    internal static StepResult SignRegister(Interpreter c, uint word)
    {
        if (!c.CheckPointerKey(KeyField(word), out var enabled))
            return c.FaultResult;
        if (enabled)
            c.X(Rd(word), PointerAuthentication.Add(c.Cpu, c.X(Rd(word)), c.RegisterModifier(word), KeyField(word)));
        return StepResult.Next;
    }

    /// <summary>AUTIA, AUTIB, AUTDA, AUTDB Xd, Xn|SP and their forms with a zero modifier.</summary>
    internal static StepResult AuthenticateRegister(Interpreter c, uint word)
    {
        if (!c.CheckPointerKey(KeyField(word), out var enabled))
            return c.FaultResult;
        if (enabled)
            c.X(Rd(word), PointerAuthentication.Authenticate(c.Cpu, c.X(Rd(word)), c.RegisterModifier(word), KeyField(word)));
        return StepResult.Next;
    }

    internal static StepResult XPACI_64Z_dp_1src(Interpreter c, uint word) => c.StripRegister(Rd(word), data: false);

    internal static StepResult XPACD_64Z_dp_1src(Interpreter c, uint word) => c.StripRegister(Rd(word), data: true);

    internal static StepResult XPACLRI_HI_hints(Interpreter c, uint word) =>
        c.Features.Has(Feature.PAUTH) ? c.StripRegister(30, data: false) : StepResult.Next;

    internal static StepResult PACGA_64P_dp_2src(Interpreter c, uint word)
    {
        if (c.Cpu->TrapPauth != 0)
            return c.TrapPointerAuthentication();
        var code = PointerAuthentication.Compute(c.Cpu, c.X(Rn(word)), c.XSp(Rm(word)), PointerKey.Generic);
        c.X(Rd(word), code & 0xffff_ffff_0000_0000);
        return StepResult.Next;
    }

    /// <summary>PACIA1716 … AUTIBSP: op2 bit 2 checks instead of signing, bit 1 is the key, and with CRm 3 bit 0 is the modifier SP.</summary>
    internal static StepResult PointerAuthenticationHint(Interpreter c, uint word)
    {
        var key = (word >> 6 & 1) != 0 ? PointerKey.InstructionB : PointerKey.InstructionA;
        if (!c.Features.Has(Feature.PAUTH))
            return StepResult.Next;
        if (!c.CheckPointerKey(key, out var enabled))
            return c.FaultResult;
        if (!enabled)
            return StepResult.Next;
        var inX17 = (word >> 8 & 0xf) == 1;
        var register = inX17 ? 17u : 30u;
        var modifier = inX17 ? c.X(16) : (word >> 5 & 1) != 0 ? c.XSp(31) : 0;
        var pointer = c.X(register);
        c.X(register, (word >> 7 & 1) != 0
            ? PointerAuthentication.Authenticate(c.Cpu, pointer, modifier, key)
            : PointerAuthentication.Add(c.Cpu, pointer, modifier, key));
        return StepResult.Next;
    }

    /// <summary>BRAA, BRAB, BRAAZ, BRABZ.</summary>
    internal static StepResult BranchAuthenticated(Interpreter c, uint word)
    {
        if (!c.TryBranchTarget(word, out var target))
            return c.FaultResult;
        c.SetBtypeOfJump(Rn(word));
        c.Cpu->Pc = c.BranchAddress(target);
        return StepResult.Branch;
    }

    /// <summary>BLRAA, BLRAB, BLRAAZ, BLRABZ.</summary>
    internal static StepResult CallAuthenticated(Interpreter c, uint word)
    {
        if (!c.TryBranchTarget(word, out var target))
            return c.FaultResult;
        c.SetBtype(BranchTargets.Call);
        c.X(30, c.Cpu->Pc + 4);
        c.Cpu->Pc = c.BranchAddress(target);
        return StepResult.Branch;
    }

    /// <summary>RETAA, RETAB.</summary>
    internal static StepResult ReturnAuthenticated(Interpreter c, uint word)
    {
        if (!c.TryAuthenticate(c.X(30), c.XSp(31), BranchKey(word), out var target))
            return c.FaultResult;
        c.Cpu->Pc = c.BranchAddress(target);
        return StepResult.Branch;
    }

    /// <summary>ERETAA, ERETAB.</summary>
    internal static StepResult ExceptionReturnAuthenticated(Interpreter c, uint word)
    {
        if (c.Cpu->El == 0)
            return c.Undefined(word);
        return c.TryAuthenticate(c.Cpu->ElrEl1, c.XSp(31), BranchKey(word), out var target) ? c.ReturnFromException(target) : c.FaultResult;
    }

    /// <summary>LDRAA, LDRAB Xt, [Xn|SP, #simm10 × 8]: bit 23 is the key, bit 11 writes the authenticated address back.</summary>
    internal static StepResult LoadAuthenticated(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var key = (word >> 23 & 1) != 0 ? PointerKey.DataB : PointerKey.DataA;
        if (!c.TryAuthenticate(start, 0, key, out var address))
            return c.FaultResult;
        var scaled = (long)((ulong)(F.LDRAA_64_ldst_pac.S(word) << 9 | F.LDRAA_64_ldst_pac.imm9(word)) << 54) >> 51;
        address += (ulong)scaled;
        var writeback = (word >> 11 & 1) != 0;
        if (!c.Load(address, out ulong value, writeback ? AccessInfo.None : Info<ulong, ulong>(Rt(word))))
            return c.FaultResult;
        c.X(Rt(word), value);
        if (writeback)
            c.XSp(Rn(word), address);
        return StepResult.Next;
    }

    private static PointerKey KeyField(uint word) => (PointerKey)(word >> 10 & 3);

    private static PointerKey BranchKey(uint word) => (PointerKey)(word >> 10 & 1);

    private ulong RegisterModifier(uint word) => (word >> 13 & 1) != 0 ? 0 : XSp(Rn(word));

    private bool TryBranchTarget(uint word, out ulong target) =>
        TryAuthenticate(X(Rn(word)), (word >> 24 & 1) != 0 ? XSp(word & 31) : 0, BranchKey(word), out target);

    /// <summary>The pointer as it is when its key is off. False when the use of the key trapped.</summary>
    private bool TryAuthenticate(ulong pointer, ulong modifier, PointerKey key, out ulong result)
    {
        result = pointer;
        if (!CheckPointerKey(key, out var enabled))
            return false;
        if (enabled)
            result = PointerAuthentication.Authenticate(Cpu, pointer, modifier, key);
        return true;
    }

    /// <summary>Whether SCTLR_EL1 switches a key on; false when it does and its use traps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool CheckPointerKey(PointerKey key, out bool enabled)
    {
        var bit = key switch
        {
            PointerKey.InstructionA => SctlrEnIa,
            PointerKey.InstructionB => SctlrEnIb,
            PointerKey.DataA => SctlrEnDa,
            _ => SctlrEnDb,
        };
        enabled = (Cpu->SctlrEl1 & bit) != 0;
        if (!enabled || Cpu->TrapPauth == 0)
            return true;
        FaultResult = TrapPointerAuthentication();
        return false;
    }

    /// <summary>XPAC uses no key and is not among what HCR_EL2.API traps; code that Linux runs on any CPU has XPACLRI in it.</summary>
    private StepResult StripRegister(uint n, bool data)
    {
        X(n, PointerAuthentication.Strip(Cpu, X(n), data));
        return StepResult.Next;
    }

    private StepResult TrapPointerAuthentication() =>
        LeaveRun(ExitReason.PauthTrap, ExceptionClass.Syndrome(ExceptionClass.TrappedPauth, 0));

    /// <summary>The half of a key that a system register is, or null if it is none or its access traps.</summary>
    private ulong* PointerKeyRegister(uint id)
    {
        if (!Features.Has(Feature.PAUTH) || Cpu->TrapPauth != 0)
            return null;
        return id switch
        {
            >= Id.APIAKeyLo_EL1 and <= Id.APIBKeyHi_EL1 => &Cpu->PointerKeys[id - Id.APIAKeyLo_EL1],
            >= Id.APDAKeyLo_EL1 and <= Id.APDBKeyHi_EL1 => &Cpu->PointerKeys[id - Id.APDAKeyLo_EL1 + 4],
            >= Id.APGAKeyLo_EL1 and <= Id.APGAKeyHi_EL1 => &Cpu->PointerKeys[id - Id.APGAKeyLo_EL1 + 8],
            _ => null,
        };
    }
}
