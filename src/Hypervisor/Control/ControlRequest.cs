using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CloudVm.Contracts.Control;
using Microsoft.AspNetCore.Http;

namespace CloudVm.Hypervisor.Control;

/// <summary>Reading of requests and writing of answers.</summary>
internal static class ControlRequest
{
    private const string ProblemType = "application/problem+json";

    /// <summary>The caller's epoch.</summary>
    /// <exception cref="ControlException">It is missing or no number (400).</exception>
    public static long Epoch(this HttpRequest request)
    {
        string? text = request.Headers[ControlProtocol.EpochHeader];
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch))
            return epoch;
        throw new ControlException(new ControlProblem
        {
            Title = "The call carries no epoch",
            Status = 400,
            Code = ControlProtocol.ProblemCodes.MissingEpoch,
            Detail = $"Mutating calls carry the header {ControlProtocol.EpochHeader} with a number from 0 up.",
        });
    }

    /// <summary>A query parameter, decimal or with 0x hexadecimal.</summary>
    public static ulong QueryNumber(this HttpRequest request, string name, ulong max)
    {
        string? text = request.Query[name];
        var isHex = text is not null && text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var style = isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        if (ulong.TryParse(isHex ? text.AsSpan(2) : text, style, CultureInfo.InvariantCulture, out var number) && number <= max)
            return number;
        throw ControlException.BadRequest(string.Empty, $"The query parameter '{name}' must be a number of at most {max}, not '{text}'.");
    }

    public static async Task<T> ReadJsonAsync<T>(this HttpRequest request, JsonTypeInfo<T> type)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(request.Body, type, request.HttpContext.RequestAborted).ConfigureAwait(false)
                ?? throw ControlException.BadRequest(string.Empty, "The body is null.");
        }
        catch (JsonException e)
        {
            throw ControlException.BadRequest(e.Path ?? string.Empty, $"The body is not understood: {e.Message}");
        }
    }

    /// <summary>Reads a binary body and compares it with its hash, if the caller sent one.</summary>
    public static async Task<byte[]> ReadBytesAsync(this HttpRequest request, int limit)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted).ConfigureAwait(false);
        if (body.Length > limit)
            throw ControlException.BadRequest(string.Empty, $"The body has {body.Length} bytes; at most {limit} are taken.");
        var bytes = body.ToArray();
        string? hash = request.Headers[ControlProtocol.BodyHashHeader];
        if (hash is not null && !string.Equals(hash, Convert.ToHexStringLower(SHA256.HashData(bytes)), StringComparison.OrdinalIgnoreCase))
            throw ControlException.BadRequest(string.Empty, "The body does not match its hash.");
        return bytes;
    }

    public static Task WriteJsonAsync<T>(this HttpResponse response, T value, JsonTypeInfo<T> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, type);
        response.ContentType ??= "application/json";
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes, response.HttpContext.RequestAborted).AsTask();
    }

    public static Task WriteProblemAsync(this HttpResponse response, ControlProblem problem)
    {
        response.StatusCode = problem.Status;
        response.ContentType = ProblemType;
        return response.WriteJsonAsync(problem, ControlJsonContext.Default.ControlProblem);
    }

    public static Task WriteBytesAsync(this HttpResponse response, byte[] bytes)
    {
        response.ContentType = "application/octet-stream";
        response.ContentLength = bytes.Length;
        response.Headers[ControlProtocol.BodyHashHeader] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        return response.Body.WriteAsync(bytes, response.HttpContext.RequestAborted).AsTask();
    }
}
