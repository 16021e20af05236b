using System.Collections.Immutable;
using System.ComponentModel;
using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using CloudVm.Worker.Data;
using CloudVm.Worker.Images;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;
using ControlProfile = CloudVm.Contracts.Control.HostProfileDefinition;

namespace CloudVm.Worker.Machines;

/// <summary>Turns a VM's definition into what a Hypervisor process is configured with.</summary>
public sealed class MachineBuilder(NodePaths paths, ImageFiles images, DiskBases bases, DiskFiles diskFiles, FencedDatabase database, PasstProcesses passts)
{
    /// <summary>Reads what the machine is made of.</summary>
    /// <exception cref="OperationFailedException">The definition cannot be carried out here; every reason is named.</exception>
    public async Task<(MachineDefinition Definition, StartedMachine Started)> BuildAsync(VirtualMachineEntity vm, CancellationToken ct)
    {
        HostProfileEntity profile = await database.ReadAsync(
            (db, token) => db.HostProfiles.FirstAsync(p => p.Name == vm.HostProfile, token), ct).ConfigureAwait(false);
        SveResolution sve = SveResolver.Resolve(vm.Cpu, profile.VirtualisableVectorLengths());
        if (sve.Reasons.Length > 0)
            throw Unstartable("The definition no longer fits its host profile", sve.Reasons);

        // Without SVE on the first vCPU another one's set is the common one; an absent set would mean all lengths.
        ImmutableArray<int> common = sve.PerVcpu.FirstOrDefault(set => !set.IsEmpty, []);
        VmDirectory directory = paths.ForVm(vm.Id);
        IReadOnlyList<(StartedDisk Disk, string? BasePath)> disks = await ResolveDisksAsync(vm, ct).ConfigureAwait(false);
        MachineDefinition definition = new()
        {
            VmId = vm.Id,
            HostProfile = new ControlProfile
            {
                Name = profile.Name,
                Cpus = profile.BuiltIn ? null : [.. profile.Cpus.Select(cpu => new HostCpuDefinition { VectorLengthsBits = cpu.VectorLengthsBits })],
                VectorLengthPolicy = profile.VectorLengthPolicy,
            },
            CpuCount = vm.Cpu.Count,
            MemoryMiB = vm.MemoryMiB,
            SveEnabled = !common.IsEmpty,
            VectorLengthsBits = common.IsEmpty ? null : common,
            PerCpu = Overrides(sve.PerVcpu, common),
            Ptrauth = vm.Cpu.Features.Ptrauth,
            AbiProfile = vm.Cpu.AbiProfile,
            Boot = await BootAsync(vm, ct).ConfigureAwait(false),
            Disks = DefineDisks(vm.Id, disks),
            Network = DefineNetwork(vm),
            ConsoleLogPath = directory.ConsoleLog,
            ExitRecordPath = directory.ExitRecord,
            DebuggerSocketPath = directory.DebuggerSocket,
        };
        StartedMachine started = new()
        {
            Cpu = vm.Cpu,
            VectorLengthsBits = [.. sve.PerVcpu.Select(set => (IReadOnlyList<int>)set)],
            MemoryMiB = vm.MemoryMiB,
            ImageId = vm.ImageId,
            Disks = [.. disks.Select(d => d.Disk)],
            CommandLine = vm.CommandLine,
        };
        return (definition, started);
    }

    /// <summary>The definition's disks with their bases, which are brought onto this node.</summary>
    /// <exception cref="OperationFailedException">Bases are missing or cannot be imported; every reason is named.</exception>
    public async Task<IReadOnlyList<(StartedDisk Disk, string? BasePath)>> ResolveDisksAsync(VirtualMachineEntity vm, CancellationToken ct)
    {
        List<(StartedDisk, string?)> disks = [];
        List<ProblemReason> reasons = [];
        for (int i = 0; i < vm.Disks.Count; i++)
        {
            if (vm.Disks[i].Image is not { } named)
            {
                disks.Add((new StartedDisk(vm.Disks[i], null), null));
                continue;
            }

            ImageEntity? image = await database.ReadAsync(
                (db, token) => db.Images.FirstOrDefaultAsync(image => image.Id == named.Id && image.State == ImageState.Ready, token), ct).ConfigureAwait(false);
            try
            {
                string path = image is null
                    ? throw new FileNotFoundException($"There is no image '{named.Name}' any more.")
                    : await bases.ResolveAsync(image, ct).ConfigureAwait(false);
                disks.Add((new StartedDisk(vm.Disks[i], Convert.ToHexStringLower(image.Sha256)), path));
            }
            catch (Exception unusable) when (unusable is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                reasons.Add(new ProblemReason(
                    string.Create(CultureInfo.InvariantCulture, $"/disks/{i}/image"), "imageUnavailable", $"Disk '{vm.Disks[i].Name}': {unusable.Message}"));
            }
        }

        return reasons.Count == 0 ? disks : throw Unstartable("A disk's image cannot be used", reasons);
    }

    private DiskDefinition[]? DefineDisks(Guid vmId, IReadOnlyList<(StartedDisk Disk, string? BasePath)> disks)
    {
        const long BytesPerMiB = 1024 * 1024;
        if (disks.Count == 0)
            return null;
        string directory = diskFiles.Open(vmId);
        return
        [
            .. disks.Select(d => new DiskDefinition
            {
                Name = d.Disk.Disk.Name,
                BasePath = d.BasePath,
                OverlayPath = Path.Combine(directory, DiskFiles.OverlayName(d.Disk.Disk.Name, d.Disk.ImageSha256)),
                SizeBytes = d.Disk.Disk.SizeMiB * BytesPerMiB,
                ReadOnly = d.Disk.Disk.ReadOnly,
            }),
        ];
    }

    private static PerCpuVectorLengths[]? Overrides(ImmutableArray<ImmutableArray<int>> perVcpu, ImmutableArray<int> common)
    {
        PerCpuVectorLengths[] different =
            [.. perVcpu.Index().Where(vcpu => !vcpu.Item.SequenceEqual(common)).Select(vcpu => new PerCpuVectorLengths(vcpu.Index, vcpu.Item))];
        return different.Length == 0 ? null : different;
    }

    /// <summary>Every machine has a card, so that saved state fits whatever the card is connected to.</summary>
    private NetworkDefinition DefineNetwork(VirtualMachineEntity vm)
    {
        if (vm.Network == VmNetwork.None)
            return new NetworkDefinition { Backend = "none" };
        try
        {
            passts.Ensure(vm.Id);
        }
        catch (Exception missing) when (missing is FileNotFoundException or Win32Exception)
        {
            throw Unstartable("The VM's network cannot be set up", [new ProblemReason("/network", "networkUnavailable", missing.Message)]);
        }

        return new NetworkDefinition { Backend = "passt", SocketPath = passts.Socket(vm.Id) };
    }

    private async Task<BootSource> BootAsync(VirtualMachineEntity vm, CancellationToken ct)
    {
        ImageEntity image = vm.Image!;
        try
        {
            IReadOnlyDictionary<string, string> files = await images.ResolveAsync(image, ct).ConfigureAwait(false);
            return new BootSource
            {
                KernelPath = image.Kind == ImageKind.LinuxBundle ? files["kernel"] : files.GetValueOrDefault("kernel") ?? files.Values.First(),
                InitrdPath = files.GetValueOrDefault("initrd"),
                DtbPath = files.GetValueOrDefault("dtb"),
                CommandLine = vm.CommandLine ?? image.CommandLine,
            };
        }
        catch (Exception unusable) when (unusable is FileNotFoundException or InvalidDataException or KeyNotFoundException)
        {
            throw Unstartable("The VM's image cannot be used", [new ProblemReason("/image", "imageUnavailable", unusable.Message)]);
        }
    }

    private static OperationFailedException Unstartable(string title, IReadOnlyList<ProblemReason> reasons) =>
        new(new Problem
        {
            Title = title,
            Status = 422,
            Code = ProblemCodes.ValidationFailed,
            Detail = string.Join(" ", reasons.Select(reason => reason.Message)),
            Errors = reasons,
        });
}
