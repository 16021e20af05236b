using F = CloudVm.Hypervisor.Isa.Fields;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Data processing (immediate).</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult ADD_addsub_imm(Interpreter c, uint word)
    {
        var imm = (ulong)F.ADD_addsub_imm.imm12(word) << (F.ADD_addsub_imm.sh(word) != 0 ? 12 : 0);
        var result = c.XSp(F.ADD_addsub_imm.Rn(word)) + imm;
        c.XSp(F.ADD_addsub_imm.Rd(word), F.ADD_addsub_imm.sf(word) != 0 ? result : (uint)result);
        return StepResult.Next;
    }
}
