using System.Text.Json;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;

namespace CloudVm.Worker.Machines;

/// <summary>
/// What a running guest was started from; kept in the VM's status, since the definition may change while the guest runs. Snapshots
/// are taken of this machine.
/// </summary>
public sealed record StartedMachine
{
    /// <summary>The definition's processors.</summary>
    public required CpuSpec Cpu { get; init; }

    /// <summary>Per vCPU its vector lengths in bits, ascending; empty without SVE.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> VectorLengthsBits { get; init; }

    /// <summary>Guest memory.</summary>
    public required int MemoryMiB { get; init; }

    /// <summary>The booted image.</summary>
    public required Guid ImageId { get; init; }

    /// <summary>The disks; null in what was started by a build without disks.</summary>
    public IReadOnlyList<StartedDisk>? Disks { get; init; }

    /// <summary>The definition's command line.</summary>
    public string? CommandLine { get; init; }

    /// <summary>As stored.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, CloudVmJson.Options);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    public static StartedMachine Parse(string json) => JsonSerializer.Deserialize<StartedMachine>(json, CloudVmJson.Options)!;
}

/// <summary>A disk of a running guest.</summary>
/// <param name="Disk">As defined.</param>
/// <param name="ImageSha256">SHA-256 of its base, lower-case hex; null without one.</param>
public sealed record StartedDisk(VmDisk Disk, string? ImageSha256);
