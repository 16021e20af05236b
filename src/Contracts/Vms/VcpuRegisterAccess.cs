namespace CloudVm.Contracts.Vms;

/// <summary>Answer of <c>GET /vms/{id}/vcpus/{n}/register-list</c>: KVM_GET_REG_LIST of the vCPU.</summary>
public sealed record VcpuRegisterList
{
    /// <summary>In the kernel's order.</summary>
    public required IReadOnlyList<VcpuRegisterInfo> Registers { get; init; }
}

/// <summary>A register of a vCPU.</summary>
/// <param name="Id">KVM's id of it: <c>0x</c> and 16 hexadecimal digits.</param>
/// <param name="Name">Arm's name, or the kernel's where Arm has none.</param>
/// <param name="SizeBytes">What the id says; SVE registers have 256 or 32 bytes at every vector length.</param>
public sealed record VcpuRegisterInfo(string Id, string Name, int SizeBytes);

/// <summary>A register with its content: KVM_GET_ONE_REG.</summary>
public sealed record VcpuRegister
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required int SizeBytes { get; init; }

    /// <summary>The content as a number, <c>0x</c> hex, of registers of at most 8 bytes.</summary>
    public string? Value { get; init; }

    /// <summary>The content as hexadecimal bytes, the least significant first.</summary>
    public required string Bytes { get; init; }
}

/// <summary>Body of <c>PUT /vms/{id}/vcpus/{n}/registers/{register}</c>.</summary>
public sealed record WriteVcpuRegisterRequest
{
    /// <summary>
    /// A number, <c>0x</c> and hexadecimal digits; or hexadecimal bytes with the least significant first, as many as the register has, or fewer of
    /// a Z, P or FFR register, whose rest is then zero.
    /// </summary>
    public string Value { get; init; } = "";
}

/// <summary>Body of <c>PUT /vms/{id}/vcpus/{n}/registers</c>: all of it happens, in order, or nothing.</summary>
public sealed record WriteVcpuRegistersRequest
{
    /// <summary>Most registers of one request; no vCPU has as many.</summary>
    public const int MaxRegisters = 1024;

    public IReadOnlyList<VcpuRegisterWrite> Registers { get; init; } = [];
}

/// <summary>A register and what it shall hold.</summary>
public sealed record VcpuRegisterWrite
{
    /// <summary>KVM's id or the name, as <c>register-list</c> has them.</summary>
    public string Register { get; init; } = "";

    /// <summary>As in <see cref="WriteVcpuRegisterRequest"/>.</summary>
    public string Value { get; init; } = "";
}

/// <summary>Answer to writes: what the registers hold now.</summary>
public sealed record VcpuRegisterContents
{
    public required IReadOnlyList<VcpuRegister> Registers { get; init; }
}

/// <summary>Data of the event <c>vm.registersWritten</c>: who wrote which registers. Values are not kept, since they may be secrets of the guest.</summary>
/// <param name="Vcpu">The vCPU.</param>
/// <param name="Registers">Names of the registers.</param>
/// <param name="By">The user.</param>
public sealed record VcpuRegistersWritten(int Vcpu, IReadOnlyList<string> Registers, string By);
