using System.Text.RegularExpressions;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Contracts;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;

namespace CloudVm.Api.Vms;

/// <summary>Checks the disks of a definition, also against those that the VM has: a disk's content is never put at risk by a change.</summary>
internal sealed partial class DiskDefinitions(CloudVmDbContext database, ProjectScope scope)
{
    private const long BytesPerMiB = 1024 * 1024;

    /// <summary>The disks as they are stored; incomplete where reasons were added to the body.</summary>
    public async Task<IReadOnlyList<VmDisk>> CheckAsync(
        JsonBody<VmDefinition> body, ProjectEntity? project, VirtualMachineEntity? self, CancellationToken cancellationToken)
    {
        var specs = body.Value.Disks ?? [];
        if (specs.Count > VmLimits.MaxDisks)
        {
            body.Refuse("/disks", "tooMany", $"A VM has at most {VmLimits.MaxDisks} disks.");
            return [];
        }

        var disks = new List<VmDisk>();
        for (var i = 0; i < specs.Count; i++)
        {
            var pointer = $"/disks/{i}";
            if (CheckName(body, specs[i].Name, pointer, disks) is not { } name)
                continue;
            var present = self?.Disks.FirstOrDefault(d => d.Name == name);
            var image = await FindImageAsync(body, specs[i], pointer, project, cancellationToken);
            disks.Add(new VmDisk
            {
                Name = name,
                Image = image is null ? null : new ImageReference(image.Id, image.Name),
                SizeMiB = CheckSize(body, specs[i], pointer, image, present),
                ReadOnly = specs[i].ReadOnly,
            });
            if (present is not null)
                CheckChange(body, pointer, present, disks[^1], self!);
        }

        return disks;
    }

    private static string? CheckName(JsonBody<VmDefinition> body, string? name, string pointer, List<VmDisk> before)
    {
        if (name is null || !DiskName().IsMatch(name) || name.Length > VmLimits.MaxDiskNameLength)
        {
            body.Refuse(
                $"{pointer}/name", "invalidName",
                $"A disk's name has 1 to {VmLimits.MaxDiskNameLength} letters, digits, '.', '_' and '-', and begins with a letter or digit.");
            return null;
        }

        if (!before.Exists(d => string.Equals(d.Name, name, StringComparison.OrdinalIgnoreCase)))
            return name;
        body.Refuse($"{pointer}/name", ProblemCodes.NameTaken, $"There are two disks named '{name}'.");
        return null;
    }

    private async Task<ImageEntity?> FindImageAsync(
        JsonBody<VmDefinition> body, DiskSpec spec, string pointer, ProjectEntity? project, CancellationToken cancellationToken)
    {
        if (spec.Image is not { } named)
        {
            if (spec.ReadOnly)
                body.Refuse($"{pointer}/readOnly", "emptyDisk", "A read-only disk without an image would be zeros for ever.");
            return null;
        }

        var image = await database.LockImageAsync(scope, named, project, cancellationToken);
        if (image is null)
            body.Refuse($"{pointer}/image", "unknownImage", $"There is no image '{named}'.");
        else if (image.Kind != ImageKind.Disk)
            body.Refuse($"{pointer}/image", "wrongImageKind", $"Image '{image.Name}' is no disk image.");
        else
            return image;
        return null;
    }

    private static long CheckSize(JsonBody<VmDefinition> body, DiskSpec spec, string pointer, ImageEntity? image, VmDisk? present)
    {
        var least = Math.Max(1, ((image?.Disk?.VirtualSizeBytes ?? 0) + BytesPerMiB - 1) / BytesPerMiB);
        if (spec.SizeMiB is not { } size)
        {
            if (present is not null)
                return present.SizeMiB;
            if (spec.Image is null)
                body.Refuse($"{pointer}/sizeMiB", "required", "A disk without an image needs a size.");
            return least;
        }

        if (size < least || size > VmLimits.MaxDiskMiB)
        {
            var whose = image is null ? "" : $" (image '{image.Name}' has {least})";
            body.Refuse($"{pointer}/sizeMiB", "outOfRange", $"The disk has {least} to {VmLimits.MaxDiskMiB} MiB{whose}, not {size}.");
        }

        return size;
    }

    private static void CheckChange(JsonBody<VmDefinition> body, string pointer, VmDisk present, VmDisk wanted, VirtualMachineEntity vm)
    {
        if (present.Image?.Id != wanted.Image?.Id)
        {
            var lies = present.Image is null ? "began without an image" : $"lies over image '{present.Image.Name}'";
            body.Refuse($"{pointer}/image", "immutable", $"Disk '{present.Name}' {lies}, and what is written on it belongs to that; add a disk of another name.");
        }

        if (wanted.SizeMiB < present.SizeMiB)
        {
            body.Refuse(
                $"{pointer}/sizeMiB", "cannotShrink",
                $"Disk '{present.Name}' has {present.SizeMiB} MiB and cannot shrink to {wanted.SizeMiB}: what lies at its end would be lost.");
        }
        else if (wanted.SizeMiB > present.SizeMiB && vm.Status!.HasGuest())
        {
            body.Refuse($"{pointer}/sizeMiB", "needsStop", $"Disk '{present.Name}' can grow while the VM is stopped.");
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]*$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DiskName();
}
