using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Contracts.Client;

/// <summary>Preconditions of a change.</summary>
public sealed record ChangeOptions
{
    /// <summary>The ETag's value without quotes, as resources carry it in <c>etag</c>; <c>*</c> matches any.</summary>
    public string? IfMatch { get; init; }

    /// <summary>Makes a repeated POST answer as the first did.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Runs every check and changes nothing.</summary>
    public bool ValidateOnly { get; init; }
}

/// <summary>Sends requests in the API's dialect and turns problems into exceptions.</summary>
internal sealed class ApiTransport(HttpClient http)
{
    private const string Root = "api/v1/";

    public async Task<T> GetAsync<T>(string path, CancellationToken cancellationToken) =>
        await SendAsync<T>(HttpMethod.Get, path, body: null, options: null, cancellationToken).ConfigureAwait(false);

    public async Task<T> SendAsync<T>(
        HttpMethod method, string path, object? body, ChangeOptions? options, CancellationToken cancellationToken)
    {
        using var content = body switch
        {
            null => null,
            HttpContent ready => ready,
            _ => JsonContent.Create(body, body.GetType(), mediaType: null, CloudVmJson.Options),
        };
        using var response = await SendAsync(method, path, content, options, cancellationToken).ConfigureAwait(false);
        return await response.Content.ReadFromJsonAsync<T>(CloudVmJson.Options, cancellationToken).ConfigureAwait(false)
            ?? throw new JsonException($"{method} {path} answered null.");
    }

    public async Task SendAsync(HttpMethod method, string path, ChangeOptions? options, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(method, path, content: null, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends and returns once the headers are here; the caller disposes the response.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? content, ChangeOptions? options, CancellationToken cancellationToken)
    {
        if (options?.ValidateOnly == true)
            path += (path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "validateOnly=true";

        using var request = new HttpRequestMessage(method, Root + path) { Content = content };
        if (options?.IfMatch is { } tag)
            request.Headers.TryAddWithoutValidation("If-Match", tag == "*" ? tag : $"\"{tag}\"");
        if (options?.IdempotencyKey is { } key)
            request.Headers.Add("Idempotency-Key", key);

        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
            return response;

        using (response)
            throw await ReadProblemAsync(response, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends with headers of the caller's own; the caller disposes the response.</summary>
    public async Task<HttpResponseMessage> OpenAsync(
        string path, Action<HttpRequestHeaders> addHeaders, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Root + path);
        addHeaders(request.Headers);
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
            return response;

        using (response)
            throw await ReadProblemAsync(response, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<CloudVmApiException> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var retryAfter = response.Headers.RetryAfter?.Delta;
        if (response.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            var problem = await response.Content.ReadFromJsonAsync<Problem>(CloudVmJson.Options, cancellationToken).ConfigureAwait(false);
            if (problem is not null)
                return new CloudVmApiException(response.StatusCode, problem, retryAfter);
        }

        return new CloudVmApiException(response.StatusCode, Unexplained(response.StatusCode), retryAfter);
    }

    private static Problem Unexplained(HttpStatusCode status) => new()
    {
        Title = $"The service answered {(int)status} without a problem document.",
        Status = (int)status,
        Code = status == HttpStatusCode.Unauthorized ? ProblemCodes.Unauthenticated : ProblemCodes.Unavailable,
    };
}
