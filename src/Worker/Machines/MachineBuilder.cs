using System.Collections.Immutable;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;
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
public sealed class MachineBuilder(NodePaths paths, ImageFiles images, FencedDatabase database)
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
        MachineDefinition definition = new()
        {
            VmId = vm.Id,
            HostProfile = new ControlProfile
            {
                Name = profile.Name,
                Cpus = profile.BuiltIn ? null : [.. profile.Cpus.Select(cpu => new HostCpuDefinition { VectorLengthsBits = cpu.VectorLengthsBits })],
            },
            CpuCount = vm.Cpu.Count,
            MemoryMiB = vm.MemoryMiB,
            SveEnabled = !common.IsEmpty,
            VectorLengthsBits = common.IsEmpty ? null : common,
            PerCpu = Overrides(sve.PerVcpu, common),
            AbiProfile = vm.Cpu.AbiProfile,
            Boot = await BootAsync(vm, ct).ConfigureAwait(false),
            ConsoleLogPath = directory.ConsoleLog,
            ExitRecordPath = directory.ExitRecord,
        };
        StartedMachine started = new()
        {
            Cpu = vm.Cpu,
            VectorLengthsBits = [.. sve.PerVcpu.Select(set => (IReadOnlyList<int>)set)],
            MemoryMiB = vm.MemoryMiB,
            ImageId = vm.ImageId,
            CommandLine = vm.CommandLine,
        };
        return (definition, started);
    }

    private static PerCpuVectorLengths[]? Overrides(ImmutableArray<ImmutableArray<int>> perVcpu, ImmutableArray<int> common)
    {
        PerCpuVectorLengths[] different =
            [.. perVcpu.Index().Where(vcpu => !vcpu.Item.SequenceEqual(common)).Select(vcpu => new PerCpuVectorLengths(vcpu.Index, vcpu.Item))];
        return different.Length == 0 ? null : different;
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
