namespace CloudVm.Hypervisor.Debugging;

/// <summary>Reads a register's bytes, least significant first. False when this vCPU does not have it.</summary>
internal delegate bool GdbRegisterReader(Kvm.KvmVcpu vcpu, Span<byte> bytes);

/// <summary>Writes a register. Null, or why the value is refused; nothing has then changed.</summary>
internal delegate Kvm.Errno GdbRegisterWriter(Kvm.KvmVcpu vcpu, ReadOnlySpan<byte> bytes);

/// <summary>One register of the target description; its number is its place in <see cref="GdbRegisterFile.Registers"/>.</summary>
/// <param name="Type">A type of gdb's, or one that the feature defines.</param>
internal sealed record GdbRegister(string Name, int Bytes, string Type, GdbRegisterReader Read, GdbRegisterWriter Write)
{
    /// <summary>gdb's register group, if it would not guess it.</summary>
    public string? Group { get; init; }
}

/// <summary>A feature of the target description: registers that gdb knows under the feature's name.</summary>
/// <param name="Types">XML of the types that the registers use.</param>
internal sealed record GdbFeature(string Name, string Types, IReadOnlyList<GdbRegister> Registers);
