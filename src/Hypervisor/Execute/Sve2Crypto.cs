using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE2 cryptography: what AdvSIMD does to a register, done to every 128-bit segment.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>op Zdn, Zdn, Zm; operations of one operand have zeros in the place of Zm and ignore it.</summary>
    internal static StepResult SveSegments<TOp>(Interpreter c, uint w) where TOp : struct, ISegmentOp =>
        c.RunSegments<TOp>(Rd(w), Rd(w), Rn(w));

    /// <summary>SM4EKEY Zd.S, Zn.S, Zm.S.</summary>
    internal static StepResult SM4EKEY_z_zz(Interpreter c, uint w) => c.RunSegments<Sm4ExpandKey>(Rd(w), Rn(w), Rm(w));

    private StepResult RunSegments<TOp>(uint d, uint n, uint m) where TOp : struct, ISegmentOp
    {
        if (!CheckSve(out var trapped))
            return trapped;
        for (var segment = 0; segment < VL; segment += 16)
            TOp.Apply(Vector128.Load(Z(n) + segment), Vector128.Load(Z(m) + segment)).Store(Z(d) + segment);
        return StepResult.Next;
    }
}
