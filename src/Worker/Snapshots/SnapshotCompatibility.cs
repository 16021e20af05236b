using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;

namespace CloudVm.Worker.Snapshots;

/// <summary>
/// Whether a snapshot can go on in a VM. The guest has probed its processors, so it must find the very same ones again: vector-length sets
/// are to be equal, a superset will not do (facts of KVM: the set is fixed once a vCPU is finalized).
/// </summary>
public static class SnapshotCompatibility
{
    /// <summary>Every reason why not; empty when it can.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="vm">The VM's present definition.</param>
    /// <param name="vectorLengths">What that definition gives each vCPU.</param>
    public static IReadOnlyList<ProblemReason> Check(
        SnapshotEntity snapshot, VirtualMachineEntity vm, IReadOnlyList<IReadOnlyList<int>> vectorLengths)
    {
        List<ProblemReason> reasons = [];
        Compare("/memoryMiB", "memoryDiffers", "MiB of memory", snapshot.MemoryMiB, vm.MemoryMiB);
        Compare("/cpu/count", "vcpuCountDiffers", "vCPUs", snapshot.Cpu.Count, vm.Cpu.Count);
        if (snapshot.Cpu.HostProfile != vm.Cpu.HostProfile)
            Refuse("/cpu/hostProfile", "hostProfileDiffers", $"The snapshot was taken on host profile '{snapshot.Cpu.HostProfile}', the VM has '{vm.Cpu.HostProfile}'.");
        if (snapshot.Cpu.AbiProfile != vm.Cpu.AbiProfile)
            Refuse("/cpu/abiProfile", "abiProfileDiffers", $"The snapshot was taken under ABI profile '{snapshot.Cpu.AbiProfile}', the VM has '{vm.Cpu.AbiProfile}'.");
        if (snapshot.Cpu.Features != vm.Cpu.Features)
            Refuse("/cpu/features", "featuresDiffer", $"The snapshot's vCPUs have {Describe(snapshot.Cpu.Features)}, the VM's have {Describe(vm.Cpu.Features)}.");
        reasons.AddRange(DiskCompatibility.Check(snapshot.Disks, vm.Disks));
        for (int i = 0; i < Math.Min(snapshot.VectorLengthsBits.Count, vectorLengths.Count); i++)
        {
            if (!snapshot.VectorLengthsBits[i].SequenceEqual(vectorLengths[i]))
                Refuse(
                    "/cpu/sve", "vectorLengthsDiffer",
                    $"vCPU {i} of the snapshot has {Describe(snapshot.VectorLengthsBits[i])}, the VM's has {Describe(vectorLengths[i])}; the sets must be equal.");
        }

        return reasons;

        void Compare(string pointer, string code, string unit, int then, int now)
        {
            if (then != now)
                Refuse(pointer, code, $"The snapshot has {then} {unit}, the VM has {now}.");
        }

        void Refuse(string pointer, string code, string message) => reasons.Add(new ProblemReason(pointer, code, message));
    }

    private static string Describe(IReadOnlyList<int> bits) =>
        bits.Count == 0 ? "no SVE" : $"vector lengths of {SveResolver.Describe([[.. bits]])} bits";

    private static string Describe(CpuFeatures features) =>
        $"psci={features.Psci}, pmu={features.Pmu}, ptrauth={features.Ptrauth}".ToLowerInvariant();
}
