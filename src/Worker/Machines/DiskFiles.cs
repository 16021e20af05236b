using System.Text.Json;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Vms;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Machines;

/// <summary>
/// The overlays of a VM's disks. They lie together in a directory that a small file names; a restore fills another directory, and changing that
/// file exchanges all disks of the VM at one instant, whenever this process or the host dies.
/// </summary>
public sealed class DiskFiles(NodePaths paths)
{
    private const string First = "first";

    /// <summary>Name of a disk's overlay. The image is part of it: what was written over one image is never read over another.</summary>
    public static string OverlayName(string disk, string? imageSha256) => $"{disk}-{imageSha256?[..16] ?? "empty"}.overlay";

    /// <summary>The directory in use, created where it is missing. No process of the VM may live: what unfinished restores left is removed.</summary>
    public string Open(Guid vmId)
    {
        string current = Current(vmId);
        Directory.CreateDirectory(In(vmId, current));
        RemoveOthers(vmId, current);
        return In(vmId, current);
    }

    /// <summary>A new directory for a restore, and where each overlay belongs in it.</summary>
    public (string Generation, IReadOnlyList<RestoreDisk> Disks) BeginRestore(Guid vmId, IEnumerable<(VmDisk Disk, string? ImageSha256)> disks)
    {
        string generation = Guid.NewGuid().ToString("N");
        string directory = In(vmId, generation);
        (VmDisk Disk, string? ImageSha256)[] all = [.. disks];
        if (all.Length > 0)
            Directory.CreateDirectory(directory);
        return (generation, [.. all.Select(d => new RestoreDisk(d.Disk.Name, Path.Combine(directory, OverlayName(d.Disk.Name, d.ImageSha256))))]);
    }

    /// <summary>Makes a restored directory the one in use, durably, and removes the former one.</summary>
    public void CompleteRestore(Guid vmId, string generation)
    {
        string file = PointerOf(vmId);
        string temporary = file + ".tmp";
        using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(stream, new Pointer(generation), JsonSerializerOptions.Web);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, file, overwrite: true);
        NativeMethods.FlushDirectory(Root(vmId)); // before the former ones go: the name must not come back without them
        RemoveOthers(vmId, generation);
    }

    private string Current(Guid vmId)
    {
        string file = PointerOf(vmId);
        return File.Exists(file) ? JsonSerializer.Deserialize<Pointer>(File.ReadAllBytes(file), JsonSerializerOptions.Web)!.Directory : First;
    }

    private void RemoveOthers(Guid vmId, string current)
    {
        foreach (string directory in Directory.EnumerateDirectories(Root(vmId)))
        {
            if (Path.GetFileName(directory) != current)
                Directory.Delete(directory, recursive: true);
        }
    }

    private string Root(Guid vmId) => Path.Combine(paths.ForVm(vmId).Path, "disks");

    private string PointerOf(Guid vmId) => Path.Combine(Root(vmId), "current.json");

    private string In(Guid vmId, string generation) => Path.Combine(Root(vmId), generation);

    private sealed record Pointer(string Directory);
}
