using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Host;

/// <summary>
/// A task of the emulated host that runs a vCPU, as far as KVM must keep its FP state: its registers, and whether it uses SVE. Guests run
/// without one; give a vCPU one to see what KVM does with it.
/// </summary>
/// <remarks>Thread: the vCPU's while it is in RUN, else whoever owns the task.</remarks>
public sealed unsafe class HostTask : IFpOwner, IDisposable
{
    private readonly CpuState* _storage = CpuState.Allocate();

    /// <summary>TIF_SVE: its state is kept in SVE form, else only the V registers are. During a run KVM borrows the flag for the vCPU's.</summary>
    public bool UsesSve { get; set; }

    /// <summary>CPACR_EL1.ZEN lets the task use SVE without a trap. It belongs to the CPU and is the task's while that runs.</summary>
    public bool El0MayUseSve { get; set; }

    /// <summary>A Z register at rest: 256 bytes.</summary>
    /// <param name="n">0 to 31.</param>
    public Span<byte> Z(int n)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)n, 31u, nameof(n));
        FpRegisters.CheckAtRest(this);
        return new Span<byte>(_storage->Z + (n * CpuState.ZStride), CpuState.ZStride);
    }

    CpuState* IFpOwner.FpStorage => _storage;

    PhysicalCpu? IFpOwner.FpLiveOn { get; set; }

    /// <inheritdoc/>
    public void Dispose() => CpuState.Free(_storage);
}
