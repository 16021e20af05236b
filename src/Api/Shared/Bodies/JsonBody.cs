using System.Reflection;
using System.Text.Json;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace CloudVm.Api.Shared.Bodies;

/// <summary>A request body together with everything that is wrong with its shape.</summary>
/// <typeparam name="T">What it is meant to be; an absent body counts as <c>{}</c>.</typeparam>
internal sealed class JsonBody<T> : IEndpointParameterMetadataProvider
    where T : class
{
    private static readonly string[] MediaTypes = ["application/json", "application/merge-patch+json"];

    /// <summary>What fits of the body.</summary>
    public required T Value { get; init; }

    /// <summary>The body as it came, for merge patches.</summary>
    public required JsonElement Json { get; init; }

    /// <summary>Reasons found so far; handlers add theirs and refuse once.</summary>
    public required List<ProblemReason> Reasons { get; init; }

    public static async ValueTask<JsonBody<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var json = await ReadAsync(context.Request, context.RequestAborted);
        return Of(json);
    }

    public static JsonBody<T> Of(JsonElement json)
    {
        var reasons = new List<ProblemReason>();
        var fitting = new JsonShape(reasons).Fit(json, typeof(T));
        var value = fitting is null
            ? JsonSerializer.Deserialize<T>("{}", CloudVmJson.Options)
            : fitting.Deserialize<T>(CloudVmJson.Options);
        return new JsonBody<T> { Value = value!, Json = json, Reasons = reasons };
    }

    /// <summary>The value, or the refusal with all reasons so far.</summary>
    public T Demand()
    {
        RefuseIfInvalid();
        return Value;
    }

    public void Refuse(string pointer, string code, string message) => Reasons.Add(new ProblemReason(pointer, code, message));

    public void RefuseIfInvalid()
    {
        if (Reasons.Count > 0)
            throw Refusal.Invalid(Reasons);
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new RequestBodyDescription(typeof(T), MediaTypes));

    private static async Task<JsonElement> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrEmpty(request.ContentType) && !IsJson(request.ContentType))
            throw Unsupported(request.ContentType);

        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, cancellationToken);
        if (request.Body.CanSeek)
            request.Body.Position = 0;
        if (buffer.Length == 0)
            return JsonElement.Parse("{}");

        try
        {
            return JsonElement.Parse(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
        }
        catch (JsonException e)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, ProblemCodes.MalformedJson, "The request body is not JSON.")
            {
                Reasons = [new ProblemReason("", ProblemCodes.MalformedJson, $"Line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {Brief(e)}")],
            };
        }
    }

    private static bool IsJson(string contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type) && MediaTypes.Contains(type.MediaType.Value, StringComparer.OrdinalIgnoreCase);

    private static ProblemException Unsupported(string contentType) => new(
        StatusCodes.Status415UnsupportedMediaType,
        ProblemCodes.UnsupportedMediaType,
        $"The body is '{contentType}'; this address takes {string.Join(" or ", MediaTypes)}.");

    private static string Brief(JsonException e)
    {
        var end = e.Message.IndexOf(" LineNumber", StringComparison.Ordinal);
        return end < 0 ? e.Message : e.Message[..end];
    }
}
