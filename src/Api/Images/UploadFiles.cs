using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace CloudVm.Api.Images;

/// <summary>One file of an upload as it comes in. Its body must be read before the next file is asked for.</summary>
/// <param name="Role">One of <see cref="ImageRoles"/>.</param>
/// <param name="Body">The bytes.</param>
/// <param name="ExpectedHash">SHA-256 that the part's own header promises, lower-case hex.</param>
internal sealed record UploadFile(string Role, Stream Body, string? ExpectedHash);

/// <summary>
/// The files of an upload: the body itself is a kernel (or a disk), a multipart form brings files named after their roles. The main file
/// may be called <c>file</c>.
/// </summary>
internal sealed class UploadFiles
{
    private readonly Stream? _body;
    private readonly MultipartReader? _form;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    private readonly IReadOnlyList<string> _roles;

    private UploadFiles(Stream? body, MultipartReader? form, ImageKind kind)
    {
        _body = body;
        _form = form;
        _roles = kind == ImageKind.Disk ? [ImageRoles.Disk] : [ImageRoles.Kernel, ImageRoles.Initrd, ImageRoles.Dtb];
    }

    /// <summary>The role of the file that an upload cannot be without.</summary>
    public string MainRole => _roles[0];

    public static UploadFiles Open(HttpRequest request, ImageKind kind)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
            return new UploadFiles(request.Body, form: null, kind);
        var boundary = HeaderUtilities.RemoveQuotes(type.Boundary).Value;
        return string.IsNullOrEmpty(boundary)
            ? throw Refusal.BadRequest(ProblemCodes.InvalidRequest, "The multipart form names no boundary.")
            : new UploadFiles(body: null, new MultipartReader(boundary, request.Body), kind);
    }

    /// <summary>The next file; null when there are no more.</summary>
    public async Task<UploadFile?> NextAsync(CancellationToken cancellationToken)
    {
        if (_body is not null)
            return _seen.Add(MainRole) ? new UploadFile(MainRole, _body, ExpectedHash: null) : null;
        while (await _form!.ReadNextSectionAsync(cancellationToken) is { } section)
        {
            if (section.GetContentDispositionHeader() is { } disposition && disposition.IsFileDisposition())
                return new UploadFile(RoleOf(disposition), section.Body, HashOf(section));
        }

        return _seen.Count > 0 ? null : throw Refusal.Invalid("", "required", "The form has no file.");
    }

    private string RoleOf(ContentDispositionHeaderValue disposition)
    {
        var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
        var role = name == "file" ? MainRole : name;
        if (!_roles.Contains(role))
            throw Refusal.Invalid("", "unknownRole", $"A file is called '{name}', which is none of file, {string.Join(", ", _roles)}.");
        return _seen.Add(role) ? role : throw Refusal.Invalid("", "duplicate", $"There are two files of the role '{role}'.");
    }

    private static string? HashOf(MultipartSection section)
    {
        if (section.Headers?.TryGetValue(UploadImage.HashHeader, out var value) != true)
            return null;
        var hash = value.ToString();
        return UploadImage.IsHash(hash)
            ? hash.ToLowerInvariant()
            : throw Refusal.Invalid("", "invalidHash", $"{UploadImage.HashHeader} must be 64 hexadecimal digits.");
    }
}
