using System.Security.Cryptography;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Data;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Snapshots;

/// <summary>A complete snapshot as read from the database, its sections checked.</summary>
public sealed record StoredSnapshot(SnapshotEntity Row, byte[] State, ChunkMap Memory);

/// <summary>Reads complete snapshots.</summary>
public sealed class SnapshotCatalog(FencedDatabase database)
{
    /// <summary>Version of what is stored: sections, manifest parts, state hash.</summary>
    public const int FormatVersion = 1;

    /// <summary>The section with the machine's state: vCPUs, devices, interrupt controller, timers, scrollback.</summary>
    public const string MachineSection = "machine";

    /// <summary>Version of <see cref="MachineSection"/>'s envelope; what is inside carries versions of its own.</summary>
    public const int MachineSectionVersion = 1;

    /// <summary>Hash of a whole machine: SHA-256 over its state, then its chunks' names in order.</summary>
    public static byte[] HashOf(byte[] state, ChunkMap memory)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(state);
        foreach (byte[] part in memory.ToParts())
            hash.AppendData(part);
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

        List<string> faults = [];
        if (row.FormatVersion != FormatVersion)
            faults.Add($"its format is version {row.FormatVersion}, this node reads {FormatVersion}");
        faults.AddRange(sections.Where(s => s.Crc != Crc32C.Of(s.Data)).Select(s => $"section '{s.Name}' does not match its CRC"));
        SnapshotSectionEntity? machine = sections.FirstOrDefault(s => s.Name == MachineSection);
        if (machine is null)
            faults.Add($"section '{MachineSection}' is missing");
        else if (machine.Version != MachineSectionVersion)
            faults.Add($"section '{MachineSection}' is version {machine.Version}, this node reads {MachineSectionVersion}");
        if (machine is not null && faults.Count == 0 && !HashOf(machine.Data, map).AsSpan().SequenceEqual(row.StateHash))
            faults.Add("the hash of the whole state differs");
        return faults.Count == 0
            ? new StoredSnapshot(row, machine!.Data, map)
            : throw new InvalidDataException($"Snapshot '{row.Name}' is damaged: {string.Join("; ", faults)}.");
    }
}
