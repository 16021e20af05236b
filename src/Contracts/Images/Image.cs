namespace CloudVm.Contracts.Images;

/// <summary>Something a VM can boot, or a disk to begin with.</summary>
public sealed record Image
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public required ImageKind Kind { get; init; }

    /// <summary>Registered by a node from its own files, and the same in every project.</summary>
    public required bool BuiltIn { get; init; }

    /// <summary>Length of its file, or files.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Of a disk image: what its file describes.</summary>
    public ImageDisk? Disk { get; init; }

    /// <summary>Lower-case hex.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Its files; the image's SHA-256 is that of the only one, or of their list.</summary>
    public IReadOnlyList<ImageContent> Files { get; init; } = [];

    public string? Description { get; init; }

    /// <summary>Kernel command line of VMs that give none.</summary>
    public string? CommandLine { get; init; }

    /// <summary>The least memory that the image boots with; 0 when nobody has said.</summary>
    public int MinimumMemoryMiB { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The ETag's value without quotes.</summary>
    public required string Etag { get; init; }
}

/// <summary>One file of an image.</summary>
/// <param name="Role">One of <see cref="ImageRoles"/>, or another for built-in images.</param>
/// <param name="SizeBytes">Its length.</param>
/// <param name="Sha256">Lower-case hex.</param>
public sealed record ImageContent(string Role, long SizeBytes, string Sha256);

/// <summary>How an image is loaded. Stored by name: a name never changes.</summary>
public enum ImageKind
{
    /// <summary>AArch64 ELF executable.</summary>
    Elf = 0,

    /// <summary>Flat binary, loaded at the start of RAM.</summary>
    Flat = 1,

    /// <summary>arm64 Linux <c>Image</c>.</summary>
    Image = 2,

    /// <summary>Kernel, initial RAM disk, device tree and command line together.</summary>
    LinuxBundle = 3,

    /// <summary>What a disk begins with; boots nothing by itself.</summary>
    Disk = 4,
}

/// <summary>The disk that an image's file describes.</summary>
/// <param name="Format">Layout of the file.</param>
/// <param name="VirtualSizeBytes">Size of the disk, a multiple of 512.</param>
public sealed record ImageDisk(DiskFormat Format, long VirtualSizeBytes);
