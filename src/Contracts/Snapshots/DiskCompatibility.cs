using System.Globalization;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.Snapshots;

/// <summary>Whether a VM has the disks that a snapshot's guest knows: the same ones in the same order, over the same images.</summary>
public static class DiskCompatibility
{
    /// <summary>Every reason why not; empty when it has.</summary>
    public static IReadOnlyList<ProblemReason> Check(IReadOnlyList<SnapshotDisk> snapshot, IReadOnlyList<VmDisk> vm)
    {
        List<ProblemReason> reasons = [];
        if (snapshot.Count != vm.Count)
            reasons.Add(new ProblemReason("/disks", "differentDisks", $"The snapshot has {snapshot.Count} disks, the VM {vm.Count}."));
        for (var i = 0; i < Math.Min(snapshot.Count, vm.Count); i++)
        {
            var then = snapshot[i];
            var now = vm[i];
            if (then.Name != now.Name || then.SizeMiB != now.SizeMiB || then.ReadOnly != now.ReadOnly || then.Image?.Id != now.Image?.Id)
            {
                reasons.Add(new ProblemReason(
                    $"/disks/{i.ToString(CultureInfo.InvariantCulture)}", "differentDisks",
                    $"Disk {i} of the snapshot is {Describe(then.Name, then.SizeMiB, then.ReadOnly, then.Image)}, the VM's is {Describe(now.Name, now.SizeMiB, now.ReadOnly, now.Image)}."));
            }
        }

        return reasons;
    }

    private static string Describe(string name, long sizeMiB, bool isReadOnly, ImageReference? image) =>
        $"'{name}' of {sizeMiB} MiB {(image is null ? "without an image" : $"over image '{image.Name}'")}{(isReadOnly ? ", read-only" : "")}";
}
