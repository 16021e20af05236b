using System.Security.Cryptography;
using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Problems;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Images;

/// <summary>
/// <c>POST /images</c>: streams the body into the database part by part, and makes the image visible in the one transaction
/// that completes it. Parts of an upload that breaks off are swept.
/// </summary>
internal sealed class UploadImage(
    CloudVmDbContext database,
    IDbContextFactory<CloudVmDbContext> databases,
    ProjectScope scope,
    ApiSettings settings,
    TimeProvider timeProvider)
{
    public const string HashHeader = "X-Content-SHA256";

    public async Task<Answer> HandleAsync(HttpContext http)
    {
        var cancellationToken = http.RequestAborted;
        var reasons = new List<ProblemReason>();
        var upload = await CheckAsync(http.Request, reasons, cancellationToken);
        if (reasons.Count > 0)
            throw Refusal.Invalid(reasons);
        var source = UploadFiles.Open(http.Request, upload.Kind);

        var image = NewImage(upload);
        await using (var separate = await databases.CreateDbContextAsync(cancellationToken))
        {
            separate.Images.Add(image);
            await separate.SaveChangesAsync(cancellationToken);
        }

        try
        {
            var disk = upload.Kind == ImageKind.Disk ? new DiskImageCheck(upload.Format) : null;
            var files = await StoreAsync(image.Id, upload, source, disk, cancellationToken);
            return await CompleteAsync(image.Id, upload, disk, files, QueryFlags.Read(http.Request, "validateOnly"), cancellationToken);
        }
        catch
        {
            await DiscardAsync(image.Id);
            throw;
        }
    }

    private async Task<Upload> CheckAsync(HttpRequest request, List<ProblemReason> reasons, CancellationToken cancellationToken)
    {
        var project = await scope.FindProjectAsync(request.Query["project"].FirstOrDefault(), reasons, cancellationToken);
        var name = request.Query["name"].ToString();
        if (!Names.IsValid(name))
            reasons.Add(new ProblemReason("?name", "invalidName", Names.Rule));
        else if (project is not null && await scope.Images.AnyAsync(i => i.ProjectId == project.Id && i.Name == name, cancellationToken))
            reasons.Add(new ProblemReason("?name", ProblemCodes.NameTaken, $"There is an image '{name}' already."));

        var kindName = request.Query["kind"].ToString();
        var kinds = Enum.GetValues<ImageKind>().ToDictionary(k => JsonNamingPolicy.CamelCase.ConvertName(k.ToString()));
        if (!kinds.TryGetValue(kindName, out var kind))
            reasons.Add(new ProblemReason("?kind", "invalidParameter", $"'{kindName}' is none of {string.Join(", ", kinds.Keys)}."));

        var commandLine = request.Query["commandLine"].FirstOrDefault();
        if (commandLine?.Length > VmLimits.MaxCommandLineLength)
            reasons.Add(new ProblemReason("?commandLine", "tooLong", $"A kernel command line has at most {VmLimits.MaxCommandLineLength} characters."));

        var format = DiskImageCheck.ReadFormat(request, kind, reasons);
        var description = request.Query["description"].FirstOrDefault();
        if (description?.Length > VmLimits.MaxDescriptionLength)
            reasons.Add(new ProblemReason("?description", "tooLong", $"A description has at most {VmLimits.MaxDescriptionLength} characters."));

        var hash = request.Headers[HashHeader].ToString();
        if (hash.Length > 0 && !IsHash(hash))
            reasons.Add(new ProblemReason("", "invalidHash", $"{HashHeader} must be 64 hexadecimal digits."));
        if (request.ContentLength > settings.MaxImageBytes)
            throw TooLarge();
        return new Upload(
            project, name, kind, format, description, commandLine is { Length: > 0 } ? commandLine : null, hash.Length > 0 ? hash.ToLowerInvariant() : null);
    }

    /// <summary>Whether a text is a SHA-256 in hexadecimal digits.</summary>
    public static bool IsHash(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit);

    private ImageEntity NewImage(Upload upload)
    {
        var now = timeProvider.GetDatabaseNow();
        return new ImageEntity
        {
            Id = timeProvider.NewId(),
            ProjectId = upload.Project!.Id,
            Name = upload.Name,
            Kind = upload.Kind,
            State = ImageState.Uploading,
            Sha256 = [],
            Files = [],
            Description = upload.Description,
            CommandLine = upload.CommandLine,
            CreatedAt = now,
            TouchedAt = now,
        };
    }

    /// <summary>Stores the files one after the other, each beginning a new part, and checks each as soon as it is whole.</summary>
    private async Task<List<ImageFile>> StoreAsync(Guid imageId, Upload upload, UploadFiles source, DiskImageCheck? disk, CancellationToken cancellationToken)
    {
        var files = new List<ImageFile>();
        var reasons = new List<ProblemReason>();
        var progress = new Progress();
        while (await source.NextAsync(cancellationToken) is { } file)
        {
            var (stored, start) = await StoreAsync(imageId, file, disk, progress, cancellationToken);
            if (stored.SizeBytes == 0)
                reasons.Add(new ProblemReason("", "required", files.Count == 0 ? "The image is empty." : $"The file '{file.Role}' is empty."));
            else if (BootFileHeader.WhyNot(file.Role, upload.Kind, start, stored.SizeBytes) is { } fault)
                reasons.Add(new ProblemReason($"/{file.Role}", "invalidFile", fault));
            if (file.ExpectedHash is { } expected && expected != stored.Sha256)
                reasons.Add(new ProblemReason($"/{file.Role}", "hashMismatch", $"The bytes have SHA-256 {stored.Sha256}, not {expected} as {HashHeader} says."));
            files.Add(stored);
        }

        if (!files.Exists(f => f.Role == source.MainRole))
            reasons.Add(new ProblemReason("", "required", $"The form has no file '{source.MainRole}'."));
        return reasons.Count == 0 ? files : throw Refusal.Invalid(reasons);
    }

    private async Task<(ImageFile File, byte[] Start)> StoreAsync(
        Guid imageId, UploadFile file, DiskImageCheck? disk, Progress progress, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[ImagePartEntity.MaxBytes];
        byte[] start = [];
        for (long size = 0; ;)
        {
            var length = await file.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
            if (size == 0)
                start = buffer[..Math.Min(length, BootFileHeader.Bytes)];
            if (length == 0)
                return (new ImageFile(file.Role, Path: null, Convert.ToHexStringLower(hash.GetHashAndReset()), size), start);

            if (size == 0)
                disk?.Begin(buffer.AsSpan(0, length));
            size += length;
            progress.Bytes += length;
            if (progress.Bytes > settings.MaxImageBytes)
                throw TooLarge();
            hash.AppendData(buffer, 0, length);
            await StorePartAsync(imageId, progress.Parts++, buffer.AsSpan(0, length).ToArray(), cancellationToken);
        }
    }

    private async Task StorePartAsync(Guid imageId, int ordinal, byte[] data, CancellationToken cancellationToken)
    {
        await using var separate = await databases.CreateDbContextAsync(cancellationToken);
        separate.ImageParts.Add(new ImagePartEntity { ImageId = imageId, Ordinal = ordinal, Data = data });
        await separate.SaveChangesAsync(cancellationToken);
        var now = timeProvider.GetDatabaseNow();
        await separate.Images.Where(i => i.Id == imageId)
            .ExecuteUpdateAsync(s => s.SetProperty(i => i.TouchedAt, now), cancellationToken);
    }

    private async Task<Answer> CompleteAsync(
        Guid imageId, Upload upload, DiskImageCheck? disk, List<ImageFile> files, bool validateOnly, CancellationToken cancellationToken)
    {
        var hash = ImageHash.Of(files);
        if (upload.ExpectedHash is { } expected && expected != Convert.ToHexStringLower(hash))
            throw Refusal.Invalid("", "hashMismatch", $"The image has SHA-256 {Convert.ToHexStringLower(hash)}, not {expected} as {HashHeader} says.");

        var image = await database.Images.FirstAsync(i => i.Id == imageId, cancellationToken);
        image.State = ImageState.Ready;
        image.SizeBytes = files.Sum(f => f.SizeBytes);
        image.Sha256 = hash;
        image.Files = files;
        image.Disk = disk?.Complete(image.SizeBytes);
        image.TouchedAt = timeProvider.GetDatabaseNow();
        var contract = image.ToContract();
        database.AddEvent(EventTypes.ImageCreated, contract, image.ProjectId, image.TouchedAt);
        await database.SaveChangesAsync(cancellationToken);
        if (validateOnly)
            await DiscardAsync(imageId);
        return Answer.Created($"/images/{image.Id}", contract, contract.Etag);
    }

    private async Task DiscardAsync(Guid imageId)
    {
        await using var separate = await databases.CreateDbContextAsync(CancellationToken.None);
        await separate.ImageParts.Where(p => p.ImageId == imageId).ExecuteDeleteAsync(CancellationToken.None);
    }

    private ProblemException TooLarge() =>
        new(StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge, $"An image has at most {settings.MaxImageBytes} bytes.");

    private sealed record Upload(
        ProjectEntity? Project, string Name, ImageKind Kind, DiskFormat? Format, string? Description, string? CommandLine, string? ExpectedHash);

    /// <summary>How far an upload has come, over all its files.</summary>
    private sealed class Progress
    {
        public long Bytes { get; set; }

        public int Parts { get; set; }
    }
}
