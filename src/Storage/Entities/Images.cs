using System.Security.Cryptography;
using System.Text;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Storage.Entities;

/// <summary>An emulated Arm host.</summary>
public sealed class HostProfileEntity
{
    public required string Name { get; init; }

    public string? Description { get; init; }

    public bool BuiltIn { get; init; }

    public required IReadOnlyList<HostCpu> Cpus { get; init; }

    public VectorLengthPolicy VectorLengthPolicy { get; init; }

    public int MaxVcpus { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Something a VM can boot. Built-in images lie on the nodes; the bytes of others are in <see cref="ImagePartEntity"/>.</summary>
public sealed class ImageEntity
{
    public Guid Id { get; init; }

    /// <summary>Null for built-in images, which every project can use.</summary>
    public Guid? ProjectId { get; init; }

    public ProjectEntity? Project { get; init; }

    public required string Name { get; init; }

    public ImageKind Kind { get; init; }

    public bool BuiltIn { get; init; }

    public ImageState State { get; set; }

    public long SizeBytes { get; set; }

    /// <summary>Of the single file, or of a bundle's manifest; empty until the upload is complete.</summary>
    public required byte[] Sha256 { get; set; }

    public required IReadOnlyList<ImageFile> Files { get; set; }

    /// <summary>Of a disk image.</summary>
    public ImageDisk? Disk { get; set; }

    public string? Description { get; set; }

    /// <summary>Kernel command line of VMs that give none.</summary>
    public string? CommandLine { get; set; }

    /// <summary>The least memory the image boots with.</summary>
    public int MinimumMemoryMiB { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the last part came in; an upload that stalls is swept.</summary>
    public DateTimeOffset TouchedAt { get; set; }
}

/// <summary>Stored by name: a name never changes.</summary>
public enum ImageState
{
    Uploading = 0,
    Ready = 1,

    /// <summary>Its bytes are gone; the row stays, for deleted VMs point to it.</summary>
    Deleted = 2,
}

/// <summary>One file of an image.</summary>
/// <param name="Role">What it is for: <c>elf</c>, <c>kernel</c>, <c>initrd</c>, <c>flat</c> …</param>
/// <param name="Path">Relative to the image's directory on a node; null for an uploaded image.</param>
/// <param name="Sha256">Lower-case hex.</param>
/// <param name="SizeBytes">Its length.</param>
public sealed record ImageFile(string Role, string? Path, string Sha256, long SizeBytes);

/// <summary>SHA-256 of a whole image.</summary>
public static class ImageHash
{
    /// <summary>That of the single file, or of a manifest that names each file's role and SHA-256 on a line.</summary>
    public static byte[] Of(IReadOnlyList<ImageFile> files) => files.Count == 1
        ? Convert.FromHexString(files[0].Sha256)
        : SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', files.Select(file => $"{file.Role} {file.Sha256}"))));
}

/// <summary>A piece of an uploaded image. Its files follow each other, each in full pieces but its last.</summary>
public sealed class ImagePartEntity
{
    /// <summary>Length of a full piece, in bytes.</summary>
    public const int MaxBytes = 1024 * 1024;

    public Guid ImageId { get; init; }

    public int Ordinal { get; init; }

    public required byte[] Data { get; init; }
}
