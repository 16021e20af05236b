using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// An instruction ready to execute. What the overlapping fields hold depends on <see cref="Code"/>; registers are indices into
/// <see cref="Cpu.CpuState.X"/>, where SP is an element of its own and a destination of XZR is another.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct DecodedInstruction
{
    [FieldOffset(0)]
    public HotOp Code;

    /// <summary>Destination, or the register stored; for branches to a register, the PSTATE.BTYPE that they leave.</summary>
    [FieldOffset(1)]
    public byte D;

    /// <summary>First source, or base address.</summary>
    [FieldOffset(2)]
    public byte N;

    /// <summary>
    /// Second source or index; with an immediate offset the address bits that must be clear in the base: 15 for SP, else 0; a bit
    /// number or shift amount; for branches to a register, the bit of <see cref="Block.Refused"/> that forbids them.
    /// </summary>
    [FieldOffset(3)]
    public byte M;

    [FieldOffset(4)]
    public uint Word;

    [FieldOffset(8)]
    public ulong Immediate;

    [FieldOffset(8)]
    public delegate*<Interpreter, uint, StepResult> Handler;

    /// <summary>Byte offset of a branch or an access; Rn's change with writeback.</summary>
    [FieldOffset(8)]
    public int Offset;

    /// <summary>The encoding, for accesses that its method must finish.</summary>
    [FieldOffset(12)]
    public ushort Row;

    /// <summary>A bit per value of NZCV that satisfies the condition.</summary>
    [FieldOffset(12)]
    public ushort Condition;

    /// <summary>Third source, second register of a pair, kind of shift or extension; for branches, whether one may leave the page.</summary>
    [FieldOffset(14)]
    public byte A;

    [FieldOffset(15)]
    public byte Shift;
}

/// <summary>Where a direct branch goes, in the place of the instruction after it. Never null: see <see cref="BlockCache.Unlinked"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct BlockLinks
{
    public Block* Taken;
    public Block* NotTaken;
}

/// <summary>
/// Straight-line code within one page, ended by a branch. It holds no virtual address: the same page may be mapped at several.
/// Instructions follow the header.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Block
{
    /// <summary>Where the page's stamp in the code-page map is; the block is stale once it differs from <see cref="Stamp"/>.</summary>
    public int* CurrentStamp;

    /// <summary>The page's stamp when the block was decoded.</summary>
    public int Stamp;

    /// <summary>Instructions of the guest.</summary>
    public int Count;

    /// <summary><see cref="Mmu.TlbEntry.Guarded"/> if it was decoded for a guarded page, else 0.</summary>
    public byte Guarded;

    /// <summary>
    /// A bit per value of PSTATE.BTYPE with which the block cannot just be entered, because its first instruction is none that such a
    /// branch may go to, or one that shows BTYPE.
    /// </summary>
    public byte Refused;

    /// <summary>Host address of the first instruction.</summary>
    public byte* Host;

    /// <summary>Offset in RAM of the first instruction, with the execution mode in the low bits.</summary>
    public ulong Key;

    /// <summary>Next block of the same hash bucket.</summary>
    public Block* Next;

    public static DecodedInstruction* Instructions(Block* block) => (DecodedInstruction*)(block + 1);
}
