using System.Text.Json;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Snapshots;

/// <summary>
/// Remembers, per VM, the snapshot that its memory was equal to when the running dirty epoch began: the next snapshot then reads only
/// what was written since.
/// </summary>
public sealed class DirtyBases(NodePaths paths)
{
    /// <summary>The base, if it is of exactly this process and this epoch.</summary>
    public Guid? Find(Guid vmId, ProcessIdentity process, long dirtyEpoch)
    {
        try
        {
            using FileStream file = File.OpenRead(FileOf(vmId));
            return JsonSerializer.Deserialize<Base>(file, JsonSerializerOptions.Web) is { } known
                && known.ProcessId == process.ProcessId && known.StartTime == process.StartTime && known.DirtyEpoch == dirtyEpoch
                ? known.SnapshotId
                : null;
        }
        catch (Exception unknown) when (unknown is IOException or JsonException)
        {
            return null; // Without a base a snapshot reads all memory, which is always right.
        }
    }

    /// <summary>To be called before the next epoch begins: whatever happens then, the old base must not be trusted.</summary>
    public void Forget(Guid vmId) => File.Delete(FileOf(vmId));

    /// <summary>To be called once the snapshot is complete (or restored).</summary>
    public void Remember(Guid vmId, Guid snapshotId, ProcessIdentity process, long dirtyEpoch)
    {
        string temporary = FileOf(vmId) + ".tmp";
        File.WriteAllText(temporary, JsonSerializer.Serialize(new Base(snapshotId, process.ProcessId, process.StartTime, dirtyEpoch), JsonSerializerOptions.Web));
        File.Move(temporary, FileOf(vmId), overwrite: true);
    }

    private string FileOf(Guid vmId) => Path.Combine(paths.ForVm(vmId).Path, "dirty-base.json");

    private sealed record Base(Guid SnapshotId, int ProcessId, long StartTime, long DirtyEpoch);
}
