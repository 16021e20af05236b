using CloudVm.Hypervisor.Cpu;
using F = CloudVm.Hypervisor.Isa.Fields;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Branches and exception generation.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult B_only_branch_imm(Interpreter c, uint word)
    {
        c.Cpu->Pc += (ulong)((long)F.B_only_branch_imm.imm26(word) * 4);
        return StepResult.Branch;
    }

    internal static StepResult HVC_EX_exception(Interpreter c, uint word)
    {
        if (c.Cpu->El == 0)
            return c.Undefined(word);
        c.LeaveRun(ExitReason.Hvc, ExceptionClass.Syndrome(ExceptionClass.Hvc64, F.HVC_EX_exception.imm16(word)));
        return StepResult.ExitNext;
    }

    /// <summary>HLT without external debug is UNDEFINED.</summary>
    internal static StepResult HLT_EX_exception(Interpreter c, uint word) => c.Undefined(word);
}
