using System.Net.Http.Headers;
using CloudVm.Contracts.Images;

namespace CloudVm.Contracts.Client;

/// <summary><c>/images</c></summary>
public sealed class ImagesClient
{
    private readonly ApiTransport _transport;

    internal ImagesClient(ApiTransport transport) => _transport = transport;

    public Task<Page<Image>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<Image>>("images".WithQuery(query), cancellationToken);

    public Task<Image> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Image>($"images/{id}", cancellationToken);

    /// <summary>Uploads an image as one binary body.</summary>
    /// <param name="name">Unique in the project.</param>
    /// <param name="kind">How it is loaded.</param>
    /// <param name="content">Its bytes; stays the caller's.</param>
    /// <param name="sha256">Lower-case hex. Where given, the API refuses other bytes.</param>
    /// <param name="options">Preconditions.</param>
    /// <param name="cancellationToken">Stops the upload; nothing of it stays.</param>
    public async Task<Image> UploadAsync(
        string name, ImageKind kind, Stream content, string? sha256 = null, ChangeOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var body = new StreamContent(content);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        if (sha256 is not null)
            body.Headers.Add("X-Content-SHA256", sha256);
        var kindName = char.ToLowerInvariant(kind.ToString()[0]) + kind.ToString()[1..];
        return await _transport.SendAsync<Image>(
            HttpMethod.Post, "images".WithQuery(("name", name), ("kind", kindName)), body, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Uploads an image of several files, such as a kernel with its initial RAM disk.</summary>
    /// <param name="name">Unique in the project.</param>
    /// <param name="kind">How it is loaded.</param>
    /// <param name="files">The files by role (<see cref="ImageRoles"/>); the streams are closed.</param>
    /// <param name="commandLine">Kernel command line of VMs that give none.</param>
    /// <param name="options">Preconditions.</param>
    /// <param name="cancellationToken">Stops the upload; nothing of it stays.</param>
    public async Task<Image> UploadAsync(
        string name,
        ImageKind kind,
        IReadOnlyList<(string Role, Stream Content)> files,
        string? commandLine = null,
        ChangeOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        using var form = new MultipartFormDataContent();
        foreach (var (role, content) in files)
            form.Add(new StreamContent(content), role, role);
        var kindName = char.ToLowerInvariant(kind.ToString()[0]) + kind.ToString()[1..];
        return await _transport.SendAsync<Image>(
            HttpMethod.Post, "images".WithQuery(("name", name), ("kind", kindName), ("commandLine", commandLine)), form, options, cancellationToken)
            .ConfigureAwait(false);
    }

    public Task DeleteAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync(HttpMethod.Delete, $"images/{id}", options, cancellationToken);
}
