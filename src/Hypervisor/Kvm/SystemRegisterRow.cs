using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Where a system register lives.</summary>
internal enum RegisterHome
{
    /// <summary>In <see cref="CpuState"/>: the engine executes MRS and MSR itself.</summary>
    Field,

    /// <summary>In the vCPU's shadow array: it traps, and nothing but KVM keeps it.</summary>
    Shadow,

    /// <summary>An identification register: computed from host, features and vCPU.</summary>
    Identification,

    /// <summary>Reads as zero; writes of zero are accepted.</summary>
    ReadAsZero,
}

/// <summary>Which vCPUs have a register.</summary>
internal enum RegisterVisibility
{
    Always,

    /// <summary>Hidden from vCPUs without SVE: not listed, ENOENT, and UNDEF to the guest.</summary>
    SveOnly,

    /// <summary>Hidden likewise from vCPUs without pointer authentication.</summary>
    PtrauthOnly,
}

/// <summary>Reaches a register in the register file.</summary>
internal delegate ref ulong CpuStateField(ref CpuState state);

/// <summary>One system register of the vCPU interface.</summary>
internal sealed record SystemRegisterRow(SystemRegister Register, string Name, RegisterHome Home)
{
    public CpuStateField? Field { get; init; }

    /// <summary>Index in the vCPU's shadow array.</summary>
    public int Shadow { get; init; } = -1;

    public RegisterVisibility Visibility { get; init; }

    /// <summary>False for state that only ONE_REG reaches: to the guest the register is UNDEF.</summary>
    public bool IsGuestAccessible { get; init; } = true;

    /// <summary>The guest may not write it, so a write is UNDEF.</summary>
    public bool IsReadOnly { get; init; }

    public bool IsVisibleTo(KvmVcpu vcpu) => Visibility switch
    {
        RegisterVisibility.SveOnly => vcpu.HasSve,
        RegisterVisibility.PtrauthOnly => vcpu.HasPtrauth,
        _ => true,
    };
}
