using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>
/// Runs a few instructions at EL1h with the MMU off. A store outside RAM ends them; another one at every exception vector tells that an
/// exception came.
/// </summary>
internal sealed class CaseGuest
{
    /// <summary>Address of the store that ends a program, in X20.</summary>
    public const ulong Done = 0x0900_0000;

    /// <summary>Address of the store at the vectors, in X21.</summary>
    private const ulong Vector = 0x0a00_0000;

    private const ulong Code = 0x4000_0000;
    private const ulong Vectors = 0x4000_8000;
    private const uint StoreAtX20 = 0xb900029f;
    private const uint StoreAtX21 = 0xb90002bf;

    private readonly TestVm _vm;

    public CaseGuest(CaseHost host, KvmVcpu vcpu, ulong cpacr)
    {
        Vcpu = vcpu;
        _vm = host.VmOf(vcpu);
        vcpu.Write(Cpacr, cpacr);
        vcpu.Write(Vbar, Vectors);
        vcpu.Write(X0 + 40, Done);
        vcpu.Write(X0 + 42, Vector);
        for (ulong offset = 0; offset < 0x800; offset += 0x80)
            Store(Vectors + offset, StoreAtX21);
    }

    public KvmVcpu Vcpu { get; }

    public static uint Mrs(uint rt, uint register) => 0xd5200000 | register << 5 | rt;

    public static uint Msr(uint register, uint rt) => 0xd5000000 | register << 5 | rt;

    /// <summary>Executes the words and returns X0.</summary>
    public ulong Run(params ReadOnlySpan<uint> words)
    {
        Start(words);
        Assert.Equal(Errno.Ok, Vcpu.Run());
        Assert.Equal(KvmExitReason.Mmio, Vcpu.RunState.ExitReason);
        Assert.Equal(Done, Vcpu.RunState.MmioAddress);
        return Vcpu.Value(X0);
    }

    /// <summary>Executes the words, of which one must take an exception, and returns ESR_EL1.</summary>
    public ulong RunToException(params ReadOnlySpan<uint> words)
    {
        Start(words);
        Assert.Equal(Errno.Ok, Vcpu.Run());
        Assert.Equal(KvmExitReason.Mmio, Vcpu.RunState.ExitReason);
        Assert.Equal(Vector, Vcpu.RunState.MmioAddress);
        return Vcpu.Value(Esr);
    }

    /// <summary>Puts the words where the next RUN begins. A store that ended an earlier program is answered first.</summary>
    public void Start(params ReadOnlySpan<uint> words)
    {
        Vcpu.RunState.ImmediateExit = true;
        Assert.Equal(Errno.EINTR, Vcpu.Run());
        Vcpu.RunState.ImmediateExit = false;
        Store(Code, [.. words, StoreAtX20]);
        Vcpu.Write(Pc, Code);
    }

    private void Store(ulong address, params ReadOnlySpan<uint> words) =>
        Assert.True(_vm.Memory.TryWrite(address, MemoryMarshal.AsBytes(words)));
}
