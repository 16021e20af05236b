using System.Text.Json;
using System.Text.Json.Nodes;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Serialization;
using Microsoft.Net.Http.Headers;

namespace CloudVm.Api.Shared.Answers;

/// <summary>A successful answer: plain data, so that it can be stored and given again.</summary>
internal sealed class Answer : IResult
{
    private Answer(int status, object? body)
    {
        Status = status;
        Body = body;
    }

    public int Status { get; }

    public object? Body { get; }

    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Carries a secret, so it must not be stored.</summary>
    public bool IsSecret { get; private init; }

    /// <param name="body">A resource or a page.</param>
    /// <param name="etag">The resource's <c>etag</c> member.</param>
    public static Answer Ok(object body, string? etag = null) => new Answer(StatusCodes.Status200OK, body).Tagged(etag);

    public static Answer Created(string path, object body, string etag)
    {
        var answer = new Answer(StatusCodes.Status201Created, body).Tagged(etag);
        answer.Headers[HeaderNames.Location] = ApiRoutes.Root + path;
        return answer;
    }

    /// <summary>201 for something whose secret is shown this once.</summary>
    public static Answer CreatedSecret(object body) => new(StatusCodes.Status201Created, body) { IsSecret = true };

    public static Answer Accepted(Operation operation)
    {
        var answer = new Answer(StatusCodes.Status202Accepted, operation);
        answer.Headers["Operation-Location"] = $"{ApiRoutes.Root}/operations/{operation.Id}";
        answer.Headers[HeaderNames.RetryAfter] = "1";
        return answer;
    }

    public static Answer MultiStatus(object body) => new(StatusCodes.Status207MultiStatus, body);

    public static Answer NoContent() => new(StatusCodes.Status204NoContent, body: null);

    /// <summary>The body as it goes over the wire; null for none.</summary>
    public byte[]? Serialize() => Body is null ? null : JsonSerializer.SerializeToUtf8Bytes(Body, Body.GetType(), CloudVmJson.Options);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var isRead = HttpMethods.IsGet(httpContext.Request.Method);
        var mask = isRead ? FieldMask.Read(httpContext.Request, Body?.GetType()) : null;
        foreach (var (name, value) in Headers)
            response.Headers[name] = value;

        if (isRead && Headers.TryGetValue(HeaderNames.ETag, out var etag) && EntityTags.NoneMatches(httpContext.Request, etag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.StatusCode = Status;
        if (Body is null)
            return;

        response.ContentType = "application/json";
        if (IsSecret)
            response.Headers.CacheControl = "no-store";
        if (mask is null)
            await JsonSerializer.SerializeAsync(response.Body, Body, Body.GetType(), CloudVmJson.Options, httpContext.RequestAborted);
        else
            await WriteMaskedAsync(response, mask, httpContext.RequestAborted);
    }

    private async Task WriteMaskedAsync(HttpResponse response, FieldMask mask, CancellationToken cancellationToken)
    {
        var node = JsonSerializer.SerializeToNode(Body, Body!.GetType(), CloudVmJson.Options)!.AsObject();
        mask.Apply(node);
        await JsonSerializer.SerializeAsync<JsonNode>(response.Body, node, CloudVmJson.Options, cancellationToken);
    }

    private Answer Tagged(string? etag)
    {
        if (etag is not null)
            Headers[HeaderNames.ETag] = $"\"{etag}\"";
        return this;
    }
}
