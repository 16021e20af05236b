using System.Security.Cryptography;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Data;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Snapshots;

/// <summary>A complete snapshot as read from the database, its sections checked.</summary>
public sealed record StoredSnapshot(SnapshotEntity Row, byte[] State, ChunkMap Memory, IReadOnlyList<DiskMap> Disks)
{
    /// <summary>Chunks of memory and disks that are stored, each once.</summary>
    public IReadOnlySet<ChunkHash> Distinct() => Memory.Distinct().Concat(Disks.SelectMany(disk => disk.Distinct())).ToHashSet();
}

/// <summary>Reads complete snapshots.</summary>
public sealed class SnapshotCatalog(FencedDatabase database)
{
    /// <summary>Version of what is stored: sections, manifest parts, state hash.</summary>
    public const int FormatVersion = 2;

    /// <summary>The section with the machine's state: vCPUs, devices, interrupt controller, timers, scrollback.</summary>
    public const string MachineSection = "machine";

    /// <summary>Version of <see cref="MachineSection"/>'s envelope; what is inside carries versions of its own.</summary>
    public const int MachineSectionVersion = 1;

    /// <summary>Hash of a whole machine: SHA-256 over its state, then its chunks' names in order, then each disk's name, blocks and their names.</summary>
    public static byte[] HashOf(byte[] state, ChunkMap memory, IReadOnlyList<DiskMap> disks)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(state);
        foreach (byte[] part in memory.ToParts())
            hash.AppendData(part);
        foreach (DiskMap disk in disks)
            disk.AppendTo(hash);
        return hash.GetHashAndReset();
    }

    /// <summary>The memory manifest of a snapshot that is still complete; null when it is not.</summary>
    public Task<ChunkMap?> FindMapAsync(Guid snapshotId, CancellationToken ct) =>
        database.ReadAsync(async (db, token) =>
        {
            bool ready = await db.Snapshots.AnyAsync(s => s.Id == snapshotId && s.State == SnapshotState.Ready, token).ConfigureAwait(false);
            if (!ready)
                return null;
            List<byte[]> parts = await db.SnapshotManifestParts.Where(p => p.SnapshotId == snapshotId)
                .OrderBy(p => p.Part).Select(p => p.Hashes).ToListAsync(token).ConfigureAwait(false);
            return parts.Count == 0 ? null : ChunkMap.FromParts(parts);
        }, ct);

    /// <summary>The disks' manifests of a snapshot, in its order.</summary>
    /// <exception cref="InvalidDataException">They are damaged.</exception>
    public async Task<IReadOnlyList<DiskMap>> FindDisksAsync(Guid snapshotId, CancellationToken ct)
    {
        (IReadOnlyList<SnapshotDisk> disks, List<SnapshotDiskPartEntity> parts) = await database.ReadAsync(async (db, token) =>
        {
            SnapshotEntity? row = await db.Snapshots.FirstOrDefaultAsync(s => s.Id == snapshotId, token).ConfigureAwait(false);
            return (row?.Disks ?? [], await db.SnapshotDiskParts.Where(p => p.SnapshotId == snapshotId)
                .OrderBy(p => p.Disk).ThenBy(p => p.Part).ToListAsync(token).ConfigureAwait(false));
        }, ct).ConfigureAwait(false);
        ILookup<int, (byte[], byte[])> byDisk = parts.ToLookup(p => p.Disk, p => (p.Blocks, p.Hashes));
        return [.. disks.Select((disk, index) => DiskMap.FromParts(disk.Name, byDisk[index]))];
    }

    /// <summary>Reads a complete snapshot without its chunks.</summary>
    /// <returns>Null when there is none, or it is not complete.</returns>
    /// <exception cref="InvalidDataException">It is damaged; the message names every fault.</exception>
    public async Task<StoredSnapshot?> FindAsync(Guid snapshotId, CancellationToken ct)
    {
        (SnapshotEntity? row, List<SnapshotSectionEntity> sections) = await database.ReadAsync(async (db, token) =>
        {
            SnapshotEntity? found = await db.Snapshots.Include(s => s.Project)
                .FirstOrDefaultAsync(s => s.Id == snapshotId && s.State == SnapshotState.Ready, token).ConfigureAwait(false);
            return (found, await db.SnapshotSections.Where(s => s.SnapshotId == snapshotId).ToListAsync(token).ConfigureAwait(false));
        }, ct).ConfigureAwait(false);
        if (row is null || await FindMapAsync(snapshotId, ct).ConfigureAwait(false) is not { } map)
            return null;

        IReadOnlyList<DiskMap> disks = await FindDisksAsync(snapshotId, ct).ConfigureAwait(false);
        List<string> faults = [];
        if (row.FormatVersion != FormatVersion)
            faults.Add($"its format is version {row.FormatVersion}, this node reads {FormatVersion}");
        faults.AddRange(sections.Where(s => s.Crc != Crc32C.Of(s.Data)).Select(s => $"section '{s.Name}' does not match its CRC"));
        SnapshotSectionEntity? machine = sections.FirstOrDefault(s => s.Name == MachineSection);
        if (machine is null)
            faults.Add($"section '{MachineSection}' is missing");
        else if (machine.Version != MachineSectionVersion)
            faults.Add($"section '{MachineSection}' is version {machine.Version}, this node reads {MachineSectionVersion}");
        if (machine is not null && faults.Count == 0 && !HashOf(machine.Data, map, disks).AsSpan().SequenceEqual(row.StateHash))
            faults.Add("the hash of the whole state differs");
        return faults.Count == 0
            ? new StoredSnapshot(row, machine!.Data, map, disks)
            : throw new InvalidDataException($"Snapshot '{row.Name}' is damaged: {string.Join("; ", faults)}.");
    }
}
