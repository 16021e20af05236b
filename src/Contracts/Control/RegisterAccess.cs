namespace CloudVm.Contracts.Control;

/// <summary>A register of ONE_REG.</summary>
/// <param name="Id">The id as KVM numbers it, <c>0x</c> and 16 hexadecimal digits.</param>
/// <param name="Name">Arm's name, or KVM's where Arm has none; the id where neither has one.</param>
/// <param name="SizeBytes">What the id says; SVE registers always have the size of the longest vector, 2048 bits.</param>
public sealed record RegisterInfo(string Id, string Name, int SizeBytes);

/// <summary>Answer of <c>GET /vcpus/{n}/register-list</c>: every register of the vCPU in the kernel's order.</summary>
public sealed record RegisterList(IReadOnlyList<RegisterInfo> Registers);

/// <summary>Answer of <c>GET /vcpus/{n}/registers/{id or name}</c>.</summary>
/// <param name="Register">Which one.</param>
/// <param name="Bytes">Its content as hexadecimal bytes, the least significant first.</param>
public sealed record RegisterContent(RegisterInfo Register, string Bytes);

/// <summary>Body of <c>PUT /vcpus/{n}/registers</c>: all of it happens, in order, or nothing. The machine must be paused.</summary>
/// <param name="Registers">What becomes what.</param>
/// <param name="ValidateOnly">Everything is taken back again: says whether it would be accepted.</param>
public sealed record RegisterWriteRequest(IReadOnlyList<RegisterWrite> Registers, bool ValidateOnly = false);

/// <summary>A new value of a register.</summary>
/// <param name="Register">Its id or name.</param>
/// <param name="Value">
/// A number, <c>0x</c> and hexadecimal digits, the most significant first; or hexadecimal bytes in memory order, the least significant first:
/// as many as the register has, or fewer of an SVE register, whose rest is then zero.
/// </param>
public sealed record RegisterWrite(string Register, string Value);
