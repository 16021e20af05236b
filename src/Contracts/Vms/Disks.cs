namespace CloudVm.Contracts.Vms;

/// <summary>A disk as a definition asks for it.</summary>
public sealed record DiskSpec
{
    /// <summary>1 to 20 ASCII letters, digits, dots, hyphens and underscores; unique in the VM. The guest sees it as the serial number.</summary>
    public string? Name { get; init; }

    /// <summary>A disk image's id or name, which the disk begins with; left out, it begins as zeros. Cannot change afterwards.</summary>
    public string? Image { get; init; }

    /// <summary>Left out, the image's size, or what the disk has already. May grow while the VM is stopped, never shrink.</summary>
    public long? SizeMiB { get; init; }

    /// <summary>The guest may not write.</summary>
    public bool ReadOnly { get; init; }
}

/// <summary>
/// A disk of a VM, in the order in which the guest numbers them. What is written to it stays through stops and starts, on the VM's node. A disk
/// that is taken out of the definition keeps its content until the VM is deleted or restored in place, and has it when it is put back.
/// </summary>
public sealed record VmDisk
{
    public required string Name { get; init; }

    /// <summary>What it began with; null for zeros.</summary>
    public ImageReference? Image { get; init; }

    public required long SizeMiB { get; init; }

    public bool ReadOnly { get; init; }
}

/// <summary>What was last observed of a disk.</summary>
public sealed record VmDiskStatus
{
    public required string Name { get; init; }

    /// <summary>The size that the running guest sees.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>What the disk takes on the node beyond its image, in whole blocks of 64 KiB.</summary>
    public required long AllocatedBytes { get; init; }
}
