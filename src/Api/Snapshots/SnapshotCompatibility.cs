using System.Collections.Immutable;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Snapshots;

/// <summary>
/// Whether a snapshot can resume on a machine. Its guest has probed the vector lengths, so they must be the very same:
/// equal, not a superset.
/// </summary>
internal sealed class SnapshotCompatibility(CloudVmDbContext database, TimeProvider timeProvider)
{
    /// <summary>Refuses with every reason why the machine is not the snapshot's.</summary>
    /// <param name="snapshot">What to resume.</param>
    /// <param name="cpu">The processors it would get.</param>
    /// <param name="memoryMiB">The memory it would get.</param>
    /// <param name="disks">The disks it would get.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task DemandAsync(SnapshotEntity snapshot, CpuSpec cpu, int memoryMiB, IReadOnlyList<VmDisk> disks, CancellationToken cancellationToken)
    {
        var reasons = new List<ProblemReason>();
        var profile = await database.HostProfiles.FirstAsync(p => p.Name == cpu.HostProfile, cancellationToken);
        var offered = SveResolver.Resolve(cpu, profile.VirtualisableVectorLengths()).PerVcpu;
        CompareVcpus(snapshot, offered, reasons);
        if (snapshot.MemoryMiB != memoryMiB)
            Add(reasons, "differentMemory", $"The snapshot holds {snapshot.MemoryMiB} MiB of memory, the VM has {memoryMiB}.");
        if (snapshot.Cpu.AbiProfile != cpu.AbiProfile)
            Add(reasons, "differentAbiProfile", $"The snapshot was taken under ABI profile '{snapshot.Cpu.AbiProfile}', the VM has '{cpu.AbiProfile}'.");
        if (snapshot.Cpu.Features != cpu.Features)
            Add(reasons, "differentFeatures", $"The snapshot's vCPU features ({Describe(snapshot.Cpu.Features)}) are not the VM's ({Describe(cpu.Features)}).");
        reasons.AddRange(DiskCompatibility.Check(snapshot.Disks, disks));
        if (reasons.Count == 0)
            return;

        throw new ProblemException(StatusCodes.Status409Conflict, ProblemCodes.IncompatibleSnapshot, "The snapshot cannot resume on this VM.")
        {
            Reasons = [.. reasons],
            Detail = await DescribeWayOutAsync(snapshot, cancellationToken),
        };
    }

    private static void CompareVcpus(
        SnapshotEntity snapshot, IReadOnlyList<ImmutableArray<int>> offered, List<ProblemReason> reasons)
    {
        if (snapshot.VectorLengthsBits.Count != offered.Count)
        {
            Add(reasons, "differentVcpuCount", $"The snapshot has {snapshot.VectorLengthsBits.Count} vCPUs, the VM {offered.Count}.");
            return;
        }

        for (var vcpu = 0; vcpu < offered.Count; vcpu++)
        {
            if (!snapshot.VectorLengthsBits[vcpu].SequenceEqual(offered[vcpu]))
            {
                Add(
                    reasons,
                    "differentVectorLengths",
                    $"vCPU {vcpu} was given {Describe(snapshot.VectorLengthsBits[vcpu])}, the VM offers {Describe(offered[vcpu])}; "
                    + "a guest that has probed its vector lengths needs the very same set.");
            }
        }
    }

    private async Task<string> DescribeWayOutAsync(SnapshotEntity snapshot, CancellationToken cancellationToken)
    {
        var alive = timeProvider.GetUtcNow() - ContractMapping.HeartbeatTolerance;
        var candidates = await database.Nodes
            .Where(n => !n.Cordoned && n.LastHeartbeatAt > alive && n.MemoryMiB >= snapshot.MemoryMiB)
            .OrderBy(n => n.Name)
            .Select(n => n.Name)
            .ToListAsync(cancellationToken);
        return "Restore it to a new VM (POST /snapshots/{id}:restore with newVmName), which gets the snapshot's own machine. "
            + (candidates.Count == 0 ? "No node is ready to run it now." : $"Nodes that can run it: {string.Join(", ", candidates)}.");
    }

    private static string Describe(IReadOnlyList<int> set) => set.Count == 0 ? "no SVE" : $"{{{string.Join(", ", set)}}} bits";

    private static string Describe(CpuFeatures features) => $"psci {features.Psci}, pmu {features.Pmu}, ptrauth {features.Ptrauth}".ToLowerInvariant();

    private static void Add(List<ProblemReason> reasons, string code, string message) => reasons.Add(new ProblemReason("", code, message));
}
