using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Execute;

/// <summary>The semantics method of each <see cref="Opcode"/>. The entries are generated from the decode tables.</summary>
internal static unsafe partial class HandlerTable
{
    /// <summary>Native memory for the life of the process, indexed by opcode.</summary>
    public static readonly delegate*<Interpreter, uint, StepResult>* Entries = Create();

    private static delegate*<Interpreter, uint, StepResult>* Create()
    {
        var table = (delegate*<Interpreter, uint, StepResult>*)NativeMemory.Alloc(Opcodes.Count, (nuint)sizeof(nint));
        Fill(table);
        return table;
    }

    private static partial void Fill(delegate*<Interpreter, uint, StepResult>* t);
}
