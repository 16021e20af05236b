using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Cpu;

/// <summary>
/// The register file of one physical CPU while a vCPU runs on it, as a blittable struct in native memory.
/// </summary>
/// <remarks>
/// Invariants: allocated by <see cref="Allocate"/>, 64-byte aligned; <c>X[31]</c> is zero; <see cref="Nzcv"/> has only bits 31:28 and
/// <see cref="Daif"/> only bits 9:6. Owned by the thread that runs the CPU, except <see cref="VirtualIrq"/>, <see cref="VirtualFiq"/>
/// and <see cref="VirtualSError"/>, which any thread may set. Vector registers are stored at a fixed stride whatever the vector
/// length is; bytes above the current length are zero after every write.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct CpuState
{
    /// <summary>Bytes from one Z register to the next: the architectural maximum of 2048 bits.</summary>
    public const int ZStride = 256;

    /// <summary>Bytes from one P register to the next.</summary>
    public const int PStride = 32;

    /// <summary>Index of the first-fault register in <see cref="P"/>.</summary>
    public const int Ffr = 16;

    /// <summary>X0 to X30; element 31 is XZR and stays zero.</summary>
    /// <remarks>First, and with <see cref="Sp"/> and <see cref="Discarded"/> near: pre-decoded operands are indices from here.</remarks>
    public fixed ulong X[32];

    public ulong Pc;

    /// <summary>SP_EL0, SP_EL1.</summary>
    public fixed ulong Sp[2];

    /// <summary>Where the interpreter sends results whose destination is XZR. No meaning otherwise.</summary>
    public ulong Discarded;

    // PSTATE
    public uint Nzcv;
    public uint Daif;
    public byte El;
    public byte SpSel;
    public byte Pan;
    public byte Uao;
    public byte Dit;
    public byte Ssbs;
    public byte Btype;
    public byte Il;
    public byte Ss;
    public byte Tco;

    // What EL2 controls.
    public byte TrapFp;
    public byte TrapSve;

    /// <summary>HCR_EL2.API and APK clear: pointer authentication and its keys trap.</summary>
    public byte TrapPauth;
    public volatile byte VirtualIrq;
    public volatile byte VirtualFiq;
    public volatile byte VirtualSError;

    /// <summary>VSESR_EL2: ESR_EL1.ISS of the virtual SError.</summary>
    public uint VsesrEl2;

    /// <summary>ZCR_EL2.LEN + 1: no vector is longer than this many quadwords at EL1 and EL0.</summary>
    public uint MaxVq;

    /// <summary>Bit (vq - 1) is set for each vector length that this CPU implements; 0 means no SVE.</summary>
    public uint VqSet;

    public ulong VmpidrEl2;
    public ulong VpidrEl2;

    /// <summary>CTR_EL0 where the hypervisor has lowered it; 0 means the CPU's own.</summary>
    public ulong CtrEl0;

    // EL1 and EL0 system registers that the engine reads and writes itself.
    public ulong SctlrEl1;
    public ulong ActlrEl1;
    public ulong CpacrEl1;
    public ulong ZcrEl1;
    public ulong Ttbr0El1;
    public ulong Ttbr1El1;
    public ulong TcrEl1;
    public ulong MairEl1;
    public ulong AmairEl1;
    public ulong VbarEl1;
    public ulong ElrEl1;
    public ulong SpsrEl1;
    public ulong EsrEl1;
    public ulong FarEl1;
    public ulong Afsr0El1;
    public ulong Afsr1El1;
    public ulong ContextIdrEl1;
    public ulong TpidrEl0;
    public ulong TpidrroEl0;
    public ulong TpidrEl1;
    public ulong ParEl1;
    public ulong CntkctlEl1;
    public ulong MdscrEl1;
    public ulong CsselrEl1;
    public ulong DisrEl1;

    /// <summary>OSLSR_EL1; bit 1 is the OS lock.</summary>
    public ulong OslsrEl1;

    // Breakpoints and watchpoints that exist: see SelfHostedDebug.
    public fixed ulong DbgBvr[SelfHostedDebug.BreakpointCount];
    public fixed ulong DbgBcr[SelfHostedDebug.BreakpointCount];
    public fixed ulong DbgWvr[SelfHostedDebug.WatchpointCount];
    public fixed ulong DbgWcr[SelfHostedDebug.WatchpointCount];

    /// <summary>Low and high half of each key of <see cref="PointerKey"/>, in its order.</summary>
    public fixed ulong PointerKeys[10];

    // Local exclusive monitor. The value is kept because STXR is a compare-and-swap against it.
    public ulong ExclusivePa;
    public ulong ExclusiveLo;
    public ulong ExclusiveHi;
    public byte ExclusiveActive;
    public byte ExclusiveSize;

    public uint Fpcr;
    public uint Fpsr;

    public ExitInfo Exit;

    /// <summary>Z0 to Z31, <see cref="ZStride"/> bytes each; V registers are the low 16 bytes.</summary>
    public fixed byte Z[32 * ZStride];

    /// <summary>P0 to P15 and FFR, <see cref="PStride"/> bytes each, one bit per vector byte.</summary>
    public fixed byte P[17 * PStride];

    /// <summary>A zeroed register file. Free it with <see cref="Free"/>.</summary>
    public static CpuState* Allocate()
    {
        var cpu = (CpuState*)NativeMemory.AlignedAlloc((nuint)sizeof(CpuState), 64);
        NativeMemory.Clear(cpu, (nuint)sizeof(CpuState));
        return cpu;
    }

    public static void Free(CpuState* cpu) => NativeMemory.AlignedFree(cpu);

    /// <summary>Clears bytes <paramref name="from"/> to <paramref name="to"/> of every Z register, and what belongs to them of P and FFR.</summary>
    public void ClearVectors(int from, int to)
    {
        if (from >= to)
            return;
        fixed (byte* z = Z, p = P)
        {
            for (var n = 0; n < 32; n++)
                new Span<byte>(z + (n * ZStride) + from, to - from).Clear();
            for (var n = 0; n <= Ffr; n++)
                new Span<byte>(p + (n * PStride) + (from / 8), (to - from) / 8).Clear();
        }
    }

    /// <summary>
    /// Vector length in quadwords at EL1 and EL0: the largest implemented one within ZCR_EL1.LEN and the limit that EL2 set.
    /// 0 without SVE.
    /// </summary>
    public readonly uint EffectiveVq()
    {
        var limit = Math.Min((uint)(ZcrEl1 & 0xf) + 1, MaxVq);
        var usable = VqSet & ((1u << (int)limit) - 1);
        return usable == 0 ? 0 : (uint)System.Numerics.BitOperations.Log2(usable) + 1;
    }
}
