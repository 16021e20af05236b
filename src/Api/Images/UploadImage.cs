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
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;

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

    private const int PartBytes = 1024 * 1024;

    public async Task<Answer> HandleAsync(HttpContext http)
    {
        var cancellationToken = http.RequestAborted;
        var reasons = new List<ProblemReason>();
        var upload = await CheckAsync(http.Request, reasons, cancellationToken);
        var body = await OpenBodyAsync(http.Request, cancellationToken);
        if (body is null)
            reasons.Add(new ProblemReason("", "required", "The form has no file."));
        if (reasons.Count > 0)
            throw Refusal.Invalid(reasons);

        var image = NewImage(upload);
        await using (var separate = await databases.CreateDbContextAsync(cancellationToken))
        {
            separate.Images.Add(image);
            await separate.SaveChangesAsync(cancellationToken);
        }

        try
        {
            var disk = upload.Kind == ImageKind.Disk ? new DiskImageCheck(upload.Format) : null;
            var (size, hash) = await StoreAsync(image.Id, body!, disk, cancellationToken);
            return await CompleteAsync(image.Id, upload, disk, size, hash, QueryFlags.Read(http.Request, "validateOnly"), cancellationToken);
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
        if (!kinds.TryGetValue(kindName, out var kind) || kind == ImageKind.LinuxBundle)
        {
            var uploadable = kinds.Where(k => k.Value != ImageKind.LinuxBundle).Select(k => k.Key);
            reasons.Add(new ProblemReason("?kind", "invalidParameter", $"'{kindName}' is none of {string.Join(", ", uploadable)}."));
        }

        var format = DiskImageCheck.ReadFormat(request, kind, reasons);
        var description = request.Query["description"].FirstOrDefault();
        if (description?.Length > VmLimits.MaxDescriptionLength)
            reasons.Add(new ProblemReason("?description", "tooLong", $"A description has at most {VmLimits.MaxDescriptionLength} characters."));

        var hash = request.Headers[HashHeader].ToString();
        if (hash.Length > 0 && (hash.Length != 64 || !hash.All(char.IsAsciiHexDigit)))
            reasons.Add(new ProblemReason("", "invalidHash", $"{HashHeader} must be 64 hexadecimal digits."));
        if (request.ContentLength > settings.MaxImageBytes)
            throw TooLarge();
        return new Upload(project, name, kind, format, description, hash.Length > 0 ? hash.ToLowerInvariant() : null);
    }

    /// <summary>The image's bytes: the body itself, or the first file of a multipart form; null where the form has none.</summary>
    private static async Task<Stream?> OpenBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return request.Body;

        var boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value;
        if (string.IsNullOrEmpty(boundary))
            throw Refusal.BadRequest(ProblemCodes.InvalidRequest, "The multipart form names no boundary.");
        var reader = new MultipartReader(boundary, request.Body);
        while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (section.GetContentDispositionHeader()?.IsFileDisposition() == true)
                return section.Body;
        }

        return null;
    }

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
            CreatedAt = now,
            TouchedAt = now,
        };
    }

    private async Task<(long Size, string Hash)> StoreAsync(Guid imageId, Stream body, DiskImageCheck? disk, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[PartBytes];
        long size = 0;
        for (var ordinal = 0; ; ordinal++)
        {
            var length = await body.ReadAtLeastAsync(buffer, PartBytes, throwOnEndOfStream: false, cancellationToken);
            if (length == 0)
                return (size, Convert.ToHexStringLower(hash.GetHashAndReset()));

            if (size == 0)
                disk?.Begin(buffer.AsSpan(0, length));
            size += length;
            if (size > settings.MaxImageBytes)
                throw TooLarge();
            hash.AppendData(buffer, 0, length);
            await StorePartAsync(imageId, ordinal, buffer.AsSpan(0, length).ToArray(), cancellationToken);
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
        Guid imageId, Upload upload, DiskImageCheck? disk, long size, string hash, bool validateOnly, CancellationToken cancellationToken)
    {
        if (size == 0)
            throw Refusal.Invalid("", "required", "The image is empty.");
        if (upload.ExpectedHash is { } expected && expected != hash)
            throw Refusal.Invalid("", "hashMismatch", $"The bytes have SHA-256 {hash}, not {expected} as {HashHeader} says.");

        var image = await database.Images.FirstAsync(i => i.Id == imageId, cancellationToken);
        image.State = ImageState.Ready;
        image.SizeBytes = size;
        image.Sha256 = Convert.FromHexString(hash);
        image.Files = [new ImageFile(disk is null ? "kernel" : "disk", Path: null, hash, size)];
        image.Disk = disk?.Complete(size);
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

    private sealed record Upload(ProjectEntity? Project, string Name, ImageKind Kind, DiskFormat? Format, string? Description, string? ExpectedHash);
}
