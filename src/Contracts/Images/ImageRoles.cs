namespace CloudVm.Contracts.Images;

/// <summary>What a file of an image is for; also the names of the parts of an upload.</summary>
public static class ImageRoles
{
    /// <summary>What is loaded and entered: ELF, arm64 <c>Image</c> (also compressed with gzip) or a flat binary.</summary>
    public const string Kernel = "kernel";

    /// <summary>Initial RAM disk.</summary>
    public const string Initrd = "initrd";

    /// <summary>Device tree blob in place of the generated one; memory, command line and initrd are written into it at start.</summary>
    public const string Dtb = "dtb";

    /// <summary>The only file of a disk image.</summary>
    public const string Disk = "disk";
}
