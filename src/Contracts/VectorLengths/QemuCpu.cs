using System.Collections.Immutable;
using CloudVm.Contracts.Problems;

namespace CloudVm.Contracts.VectorLengths;

/// <summary>Which of QEMU's Arm emulators reads a <c>-cpu</c> option; they differ in properties and in rules.</summary>
public enum QemuAccelerator
{
    /// <summary><c>qemu-system-aarch64 -accel tcg</c>: a machine, emulated.</summary>
    Tcg = 0,

    /// <summary><c>qemu-aarch64</c>: one program, emulated. Only here is there <c>sve-default-vector-length</c>.</summary>
    User = 1,

    /// <summary><c>qemu-system-aarch64 -accel kvm</c>: the host's lengths, as KVM reports them.</summary>
    Kvm = 2,
}

/// <summary>What a <c>-cpu</c> option gives.</summary>
/// <param name="Model">The CPU model.</param>
/// <param name="VectorLengthsBits">Vector lengths in bits, ascending; empty without SVE.</param>
/// <param name="DefaultVectorLengthBits">
/// The length in bits that a program starts with, <see cref="QemuAccelerator.User"/> only; null elsewhere and without SVE.
/// </param>
/// <param name="OtherProperties">Properties of QEMU's that say nothing about vector lengths, as written; they have no effect here.</param>
public sealed record QemuCpu(
    string Model, ImmutableArray<int> VectorLengthsBits, int? DefaultVectorLengthBits, ImmutableArray<string> OtherProperties);

/// <summary>A <c>-cpu</c> option as read: the CPU, or every reason against it.</summary>
/// <param name="Cpu">Null where there are reasons.</param>
/// <param name="Reasons">Pointers are empty: they mean the option as a whole. The first is the one that QEMU itself would give.</param>
public sealed record QemuCpuReading(QemuCpu? Cpu, ImmutableArray<ProblemReason> Reasons);

/// <summary>The codes of reasons against a <c>-cpu</c> option.</summary>
public static class QemuCpuProblems
{
    public const string UnknownModel = "unknownModel";
    public const string MalformedProperty = "malformedProperty";
    public const string PropertyNotFound = "propertyNotFound";
    public const string InvalidValue = "invalidValue";
    public const string CannotEnable = "cannotEnable";
    public const string CannotDisable = "cannotDisable";
    public const string SveUnavailable = "sveUnavailable";
}
