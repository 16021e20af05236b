using System.Globalization;
using System.Runtime.InteropServices;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Disks;

namespace CloudVm.Hypervisor.Machine;

/// <summary>The machine's disks: opened with it, read for snapshots, filled by restores.</summary>
public sealed partial class GuestMachine
{
    /// <summary>In the order of the definition.</summary>
    internal IReadOnlyList<MachineDisk> Disks => _disks;

    /// <summary>What each disk holds; may be asked at any time.</summary>
    public MachineDisks ReadDisks() =>
        new([.. _disks.Select(disk => new DiskStatus(disk.Name, disk.SizeBytes, disk.Overlay.AllocatedBytes, disk.IsReadOnly))]);

    /// <summary>Which blocks of a disk's overlay hold data or hide the base, and which changed in the running dirty epoch; null if there is no such disk.</summary>
    public DiskBlockMap? ReadBlockMap(string name)
    {
        if (FindDisk(name)?.Overlay is not { } overlay)
            return null;
        return new DiskBlockMap(
            name, overlay.SizeBytes, OverlayDisk.BlockBytes, overlay.BlockCount, Interlocked.Read(ref _dirtyEpoch),
            Bitmap(bits => overlay.CollectState(BlockState.Data, bits)),
            Bitmap(bits => overlay.CollectState(BlockState.Zero, bits)),
            Bitmap(overlay.CollectDirty));

        byte[] Bitmap(Collector collect)
        {
            var words = new ulong[(overlay.BlockCount + 63) / 64];
            collect(words);
            return MemoryMarshal.AsBytes(words.AsSpan())[..((overlay.BlockCount + 7) / 8)].ToArray();
        }
    }

    /// <summary>The disk of that name; null if there is none.</summary>
    internal MachineDisk? FindDisk(string name) => _disks.FirstOrDefault(disk => disk.Name == name);

    /// <summary>Writes whole blocks into the overlay that a restore fills.</summary>
    /// <param name="name">The disk.</param>
    /// <param name="first">First block.</param>
    /// <param name="data">Their content; null makes <paramref name="count"/> blocks zeros.</param>
    /// <param name="count">Number of blocks.</param>
    /// <returns>False if there is no such disk, or it has no such blocks.</returns>
    /// <exception cref="MachineStateException">No restore is under way.</exception>
    internal bool TryRestoreBlocks(string name, int first, byte[]? data, int count)
    {
        lock (_gate)
        {
            Require(MachineState.Restoring, "given blocks of a disk");
            if (FindDisk(name)?.Restoring is not { } overlay || first < 0 || count < 0 || count > overlay.BlockCount - first)
                return false;
            if (data is null)
                overlay.ZeroBlocks(first, count);
            else
                overlay.WriteBlocks(first, data);
            return true;
        }
    }

    /// <summary>Opens the disks of a definition that passed its checks; each fault is a reason.</summary>
    private static List<MachineDisk> OpenDisks(MachineDefinition definition, List<ControlProblemReason> errors)
    {
        var disks = new List<MachineDisk>();
        var definitions = definition.Disks ?? [];
        for (var i = 0; i < definitions.Count; i++)
        {
            var disk = definitions[i];
            try
            {
                disks.Add(new MachineDisk(disk.Name, new OverlayFiles(disk.OverlayPath, disk.SizeBytes, disk.BasePath, disk.ReadOnly)));
            }
            catch (DiskException e)
            {
                errors.Add(new(string.Create(CultureInfo.InvariantCulture, $"/disks/{i}"), $"Disk '{disk.Name}': {e.Message}"));
            }
        }

        return disks;
    }

    /// <summary>Prepares a new overlay for every disk. The ones in use stay untouched until the restore is complete.</summary>
    private void BeginDiskRestore(IReadOnlyList<RestoreDisk> targets)
    {
        var missing = _disks.Where(disk => targets.All(target => target.Name != disk.Name)).Select(disk => $"Disk '{disk.Name}' needs a path for its restored overlay.");
        var unknown = targets.Where(target => FindDisk(target.Name) is null).Select(target => $"There is no disk '{target.Name}'.");
        ControlProblemReason[] reasons = [.. missing.Concat(unknown).Select(reason => new ControlProblemReason("/disks", reason))];
        if (reasons.Length > 0)
            throw new MachineDefinitionException(reasons);
        foreach (var target in targets)
            FindDisk(target.Name)!.BeginRestore(target.OverlayPath);
    }

    private void FlushRestoredDisks()
    {
        foreach (var disk in _disks)
            disk.Restoring?.Flush();
    }

    private void CompleteDiskRestore()
    {
        foreach (var disk in _disks)
            disk.CompleteRestore();
    }

    private void CloseDisks()
    {
        foreach (var disk in _disks)
            disk.Dispose();
    }

    private delegate void Collector(Span<ulong> bitmap);
}
