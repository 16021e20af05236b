using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Serialization;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Worker.Data;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Images;

/// <summary>
/// The images that lie on the node (<c>image.json</c> below the directories of <c>CLOUDVM_IMAGES_DIR</c>): registers them, also those that
/// come or change later, and knows their files.
/// </summary>
public sealed partial class BuiltInImages(WorkerOptions options, FencedDatabase database, TimeProvider time, ILogger<BuiltInImages> logger)
{
    private static readonly ImmutableDictionary<string, string> NoFiles = ImmutableDictionary.Create<string, string>(StringComparer.OrdinalIgnoreCase);

    private ImmutableDictionary<string, string> _pathsByHash = NoFiles;
    private string _registered = "";

    /// <summary>Path of the node's file with this SHA-256; null when the node has none.</summary>
    public string? FindFile(string sha256) => _pathsByHash.GetValueOrDefault(sha256);

    /// <summary>Makes the database agree with the manifests, if any came, went or changed since it last did.</summary>
    public async Task RegisterChangedAsync(CancellationToken ct)
    {
        string[] manifests = [.. options.ImagesDirectories.Where(Directory.Exists)
            .SelectMany(directory => Directory.EnumerateFiles(directory, "image.json", SearchOption.AllDirectories)).Order(StringComparer.Ordinal)];
        // Links lead to directories whose content never changes, so where they lead tells versions apart.
        string found = string.Join('\n', manifests.Select(m => $"{m} {RealDirectory(m)} {File.GetLastWriteTimeUtc(m):O}"));
        if (string.Equals(found, _registered, StringComparison.Ordinal))
            return;
        await RegisterAsync(manifests, ct).ConfigureAwait(false);
        _registered = found;
    }

    private static string? RealDirectory(string manifest) =>
        new DirectoryInfo(Path.GetDirectoryName(manifest)!).ResolveLinkTarget(returnFinalTarget: true)?.FullName;

    private async Task RegisterAsync(string[] manifests, CancellationToken ct)
    {
        ImmutableDictionary<string, string> paths = NoFiles;
        foreach (string manifestPath in manifests)
        {
            try
            {
                (ImageEntity image, Dictionary<string, string> files) = await ReadAsync(manifestPath, ct).ConfigureAwait(false);
                paths = paths.SetItems(files);
                // Found before it is registered: a VM can be started from then on, however long the other images take.
                _pathsByHash = _pathsByHash.SetItems(files);
                await database.WriteAsync((db, token) => UpsertAsync(db, image, token), ct).ConfigureAwait(false);
            }
            catch (Exception unusable) when (unusable is JsonException or InvalidDataException or IOException)
            {
                LogUnusable(manifestPath, unusable.Message);
            }
        }

        _pathsByHash = paths;
    }

    private async Task<bool> UpsertAsync(CloudVmDbContext db, ImageEntity image, CancellationToken ct)
    {
        // Two Workers may register the same image: the first one's row stands.
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({AdvisoryLocks.Of($"image {image.Name}")})", ct).ConfigureAwait(false);
        ImageEntity? present = await db.Images.FirstOrDefaultAsync(
            i => i.BuiltIn && i.Name == image.Name && i.State == ImageState.Ready, ct).ConfigureAwait(false);
        if (present is null)
        {
            db.Images.Add(image);
            db.AddEvent(EventTypes.ImageCreated, image.ToContract(), projectId: null, time.GetDatabaseNow());
            return true;
        }

        present.Sha256 = image.Sha256;
        present.SizeBytes = image.SizeBytes;
        present.Files = image.Files;
        present.Description = image.Description;
        present.CommandLine = image.CommandLine;
        present.MinimumMemoryMiB = image.MinimumMemoryMiB;
        return false;
    }

    private async Task<(ImageEntity Image, Dictionary<string, string> Files)> ReadAsync(string manifestPath, CancellationToken ct)
    {
        ImageManifest manifest = JsonSerializer.Deserialize<ImageManifest>(
            await File.ReadAllTextAsync(manifestPath, ct).ConfigureAwait(false), CloudVmJson.Options)
            ?? throw new InvalidDataException("The manifest is empty.");
        string directory = Path.GetDirectoryName(manifestPath)!;
        Dictionary<string, string> paths = new(StringComparer.OrdinalIgnoreCase);
        List<ImageFile> files = [];
        foreach (ImageManifestFile file in manifest.Files)
        {
            // Behind a link, the version that the manifest is of: the link may lead to another one tomorrow.
            string path = Path.GetFullPath(Path.Combine(RealDirectory(manifestPath) ?? directory, file.Path));
            await using FileStream stream = File.OpenRead(path);
            string hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, ct).ConfigureAwait(false));
            if (!string.Equals(hash, file.Sha256, StringComparison.OrdinalIgnoreCase))
                throw new InvalidDataException($"{file.Path} has SHA-256 {hash}, the manifest says {file.Sha256}.");
            files.Add(new ImageFile(file.Role, file.Path, hash, stream.Length));
            paths[hash] = path;
        }

        if (files.Count == 0)
            throw new InvalidDataException("The manifest lists no files.");
        DateTimeOffset now = time.GetDatabaseNow();
        ImageEntity image = new()
        {
            Id = time.NewId(),
            Name = manifest.Name,
            Kind = manifest.Kind,
            BuiltIn = true,
            State = ImageState.Ready,
            SizeBytes = files.Sum(file => file.SizeBytes),
            Sha256 = ImageHash.Of(files),
            Files = files,
            Description = manifest.Description,
            CommandLine = manifest.CommandLine is { Length: > 0 } commandLine ? commandLine : null,
            MinimumMemoryMiB = manifest.MinimumMemoryMiB,
            CreatedAt = now,
            TouchedAt = now,
        };
        return (image, paths);
    }

    [LoggerMessage(1301, LogLevel.Error, "{Manifest} is not registered: {Reason}")]
    private partial void LogUnusable(string manifest, string reason);

    private sealed record ImageManifest
    {
        public required string Name { get; init; }

        public string? Description { get; init; }

        public required ImageKind Kind { get; init; }

        public required IReadOnlyList<ImageManifestFile> Files { get; init; }

        public string? CommandLine { get; init; }

        public int MinimumMemoryMiB { get; init; } = 4;
    }

    private sealed record ImageManifestFile(string Role, string Path, string Sha256);
}
