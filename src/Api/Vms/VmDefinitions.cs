using System.Text.RegularExpressions;
using CloudVm.Api.Access;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Contracts;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Vms;

/// <summary>A definition that has passed every check, with what it names found.</summary>
internal sealed record CheckedDefinition(VmDefinition Definition, ImageEntity Image, CpuSpec Cpu, int MemoryMiB, IReadOnlyList<VmDisk> Disks);

/// <summary>Checks definitions of VMs and names every reason against one.</summary>
internal sealed partial class VmDefinitions(CloudVmDbContext database, ProjectScope scope, DiskDefinitions disks, TimeProvider timeProvider)
{
    /// <summary>Refuses with all reasons, those of the body's shape included.</summary>
    /// <param name="body">The definition as it came.</param>
    /// <param name="project">Where the VM is or will be; null where that is a reason already.</param>
    /// <param name="self">The VM that is changed, which may keep its name and must keep its disks' content.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<CheckedDefinition> CheckAsync(
        JsonBody<VmDefinition> body, ProjectEntity? project, VirtualMachineEntity? self, CancellationToken cancellationToken)
    {
        var definition = body.Value;
        await CheckNameAsync(body, project, self?.Id, cancellationToken);
        CheckTexts(body);
        var image = await FindImageAsync(body, project, cancellationToken);
        var cpu = await CheckCpuAsync(body, cancellationToken);
        var memory = definition.MemoryMiB ?? Math.Max(VmLimits.DefaultMemoryMiB, image?.MinimumMemoryMiB ?? 0);
        if (!HasShapeReason(body, "/memoryMiB"))
            await CheckMemoryAsync(body, memory, image, cancellationToken);

        var checkedDisks = await disks.CheckAsync(body, project, self, cancellationToken);
        body.RefuseIfInvalid();
        return new CheckedDefinition(definition, image!, cpu!, memory, checkedDisks);
    }

    private async Task CheckNameAsync(JsonBody<VmDefinition> body, ProjectEntity? project, Guid? self, CancellationToken cancellationToken)
    {
        var name = body.Value.Name;
        if (name is null)
        {
            if (!HasShapeReason(body, "/name"))
                body.Refuse("/name", "required", "A VM needs a name.");
        }
        else if (!Names.IsValid(name))
        {
            body.Refuse("/name", "invalidName", Names.Rule);
        }
        else if (project is not null
            && await database.VirtualMachines.AnyAsync(
                v => v.ProjectId == project.Id && v.Name == name && v.DeletedAt == null && v.Id != self, cancellationToken))
        {
            body.Refuse("/name", ProblemCodes.NameTaken, $"Project '{project.Name}' has a VM '{name}' already.");
        }
    }

    private static void CheckTexts(JsonBody<VmDefinition> body)
    {
        var definition = body.Value;
        if (definition.Description?.Length > VmLimits.MaxDescriptionLength)
            body.Refuse("/description", "tooLong", $"A description has at most {VmLimits.MaxDescriptionLength} characters.");
        if (definition.CommandLine?.Length > VmLimits.MaxCommandLineLength)
            body.Refuse("/commandLine", "tooLong", $"A kernel command line has at most {VmLimits.MaxCommandLineLength} characters.");
        if (definition.Labels is not { } labels)
            return;

        if (labels.Count > VmLimits.MaxLabels)
            body.Refuse("/labels", "tooMany", $"A VM has at most {VmLimits.MaxLabels} labels.");
        foreach (var (key, value) in labels)
        {
            if (!LabelKey().IsMatch(key) || key.Length > VmLimits.MaxLabelLength)
                body.Refuse($"/labels/{key}", "invalidLabel", "A label's key has letters, digits, '.', '_', '-' and '/', at most 128.");
            else if (value.Length > VmLimits.MaxLabelLength)
                body.Refuse($"/labels/{key}", "tooLong", $"A label's value has at most {VmLimits.MaxLabelLength} characters.");
        }
    }

    private async Task<ImageEntity?> FindImageAsync(JsonBody<VmDefinition> body, ProjectEntity? project, CancellationToken cancellationToken)
    {
        if (body.Value.Image is not { } named)
        {
            if (!HasShapeReason(body, "/image"))
                body.Refuse("/image", "required", "A VM needs an image, by its id or name.");
            return null;
        }

        var image = await database.LockImageAsync(scope, named, project, cancellationToken);
        if (image is null)
            body.Refuse("/image", "unknownImage", $"There is no image '{named}'.");
        else if (image.Kind == ImageKind.Disk)
            body.Refuse("/image", "wrongImageKind", $"Image '{image.Name}' is a disk, which boots nothing by itself; name it in /disks.");
        return image;
    }

    private static void CheckFeatures(JsonBody<VmDefinition> body, CpuSpec cpu)
    {
        if (!cpu.Features.Psci)
            body.Refuse("/cpu/features/psci", "unsupported", "Every VM has PSCI; it cannot be left out.");
        if (cpu.Features.Pmu)
            body.Refuse("/cpu/features/pmu", "unsupported", "There are no performance monitors (PMU).");
        if (cpu.Features.Ptrauth && AbiProfiles.All.Contains(cpu.AbiProfile) && !AbiProfiles.AllowsPointerAuthentication(cpu.AbiProfile))
            body.Refuse("/cpu/features/ptrauth", "unsupported", $"ABI profile '{cpu.AbiProfile}' has no pointer authentication.");
    }

    private async Task<CpuSpec?> CheckCpuAsync(JsonBody<VmDefinition> body, CancellationToken cancellationToken)
    {
        var cpu = body.Value.Cpu;
        var maxVcpus = VmLimits.MaxVcpus;
        if (!AbiProfiles.All.Contains(cpu.AbiProfile))
            body.Refuse("/cpu/abiProfile", "unknownAbiProfile", $"There are {string.Join(", ", AbiProfiles.All)}.");

        CheckFeatures(body, cpu);
        CpuSpec? resolved = null;
        var profile = await database.HostProfiles.FirstOrDefaultAsync(p => p.Name == cpu.HostProfile, cancellationToken);
        if (profile is null)
        {
            var names = await database.HostProfiles.Select(p => p.Name).Order().ToListAsync(cancellationToken);
            body.Refuse("/cpu/hostProfile", "unknownHostProfile", $"There is no host profile '{cpu.HostProfile}'; there are {string.Join(", ", names)}.");
        }
        else
        {
            maxVcpus = profile.MaxVcpus;
            var resolution = SveResolver.Resolve(cpu, profile.VirtualisableVectorLengths());
            body.Reasons.AddRange(resolution.Reasons);
            resolved = cpu with
            {
                Sve = cpu.Sve with
                {
                    Enabled = cpu.Sve.Enabled ?? resolution.PerVcpu.Any(set => !set.IsEmpty),
                    EffectiveVectorLengthsBits = resolution.First,
                },
            };
        }

        if (cpu.Count < VmLimits.MinVcpus || cpu.Count > maxVcpus)
            body.Refuse("/cpu/count", "outOfRange", $"A VM has {VmLimits.MinVcpus} to {maxVcpus} vCPUs, not {cpu.Count}.");
        return resolved;
    }

    private async Task CheckMemoryAsync(JsonBody<VmDefinition> body, int memory, ImageEntity? image, CancellationToken cancellationToken)
    {
        var least = Math.Max(VmLimits.MinMemoryMiB, image?.MinimumMemoryMiB ?? 0);
        var most = await MaxMemoryAsync(cancellationToken);
        if (memory < least)
            body.Refuse("/memoryMiB", "outOfRange", $"{memory} MiB are too little: {(image is null ? "a VM" : $"image '{image.Name}'")} needs at least {least}.");
        else if (memory > most)
            body.Refuse("/memoryMiB", "outOfRange", $"{memory} MiB are too much: the largest node has {most}.");
    }

    /// <summary>The memory of the largest node; the architecture's bound while no node has registered.</summary>
    public async Task<int> MaxMemoryAsync(CancellationToken cancellationToken)
    {
        var alive = timeProvider.GetUtcNow() - ContractMapping.HeartbeatTolerance;
        var largest = await database.Nodes.Where(n => n.LastHeartbeatAt > alive).MaxAsync(n => (int?)n.MemoryMiB, cancellationToken)
            ?? await database.Nodes.MaxAsync(n => (int?)n.MemoryMiB, cancellationToken);
        return Math.Min(largest ?? VmLimits.MaxMemoryMiB, VmLimits.MaxMemoryMiB);
    }

    private static bool HasShapeReason(JsonBody<VmDefinition> body, string pointer) => body.Reasons.Exists(r => r.Pointer == pointer);

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._/-]*$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LabelKey();
}
