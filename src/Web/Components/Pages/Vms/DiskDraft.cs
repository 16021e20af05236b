using CloudVm.Contracts.Vms;

namespace CloudVm.Web.Components.Pages.Vms;

/// <summary>A disk while somebody fills it in.</summary>
public sealed class DiskDraft
{
    public string Name { get; set; } = "";

    /// <summary>The disk image's id; empty for none.</summary>
    public string Image { get; set; } = "";

    /// <summary>Left empty, the image's size.</summary>
    public long? SizeMiB { get; set; }

    public bool ReadOnly { get; set; }

    /// <summary>The VM has it already: its name and image are what its content belongs to.</summary>
    public bool Exists { get; init; }

    /// <summary>A disk as it is.</summary>
    public static DiskDraft From(VmDisk disk) => new()
    {
        Name = disk.Name,
        Image = disk.Image?.Id.ToString() ?? "",
        SizeMiB = disk.SizeMiB,
        ReadOnly = disk.ReadOnly,
        Exists = true,
    };

    /// <summary>What is sent to the API.</summary>
    public DiskSpec ToSpec() => new() { Name = Name.Trim(), Image = Image.Length > 0 ? Image : null, SizeMiB = SizeMiB, ReadOnly = ReadOnly };
}
