using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CloudVm.Api.Shared.Problems;
using Microsoft.AspNetCore.DataProtection;

namespace CloudVm.Api.Shared.Paging;

/// <summary>
/// Opaque page tokens: the place after which the next page begins, sealed together with the query that it belongs to.
/// </summary>
internal sealed class PageTokens(IDataProtectionProvider protection)
{
    private readonly IDataProtector _protector = protection.CreateProtector("CloudVm.PageTokens.v1");

    public string Write(ListRequest request, JsonElement[] place) =>
        Base64Url.EncodeToString(_protector.Protect(JsonSerializer.SerializeToUtf8Bytes(new Content(Fingerprint(request), place))));

    /// <exception cref="ProblemException">The token is none of ours, or of another query.</exception>
    public JsonElement[] Read(ListRequest request)
    {
        Content content;
        try
        {
            content = JsonSerializer.Deserialize<Content>(_protector.Unprotect(Base64Url.DecodeFromChars(request.PageToken)))!;
        }
        catch (Exception e) when (e is FormatException or CryptographicException or JsonException)
        {
            throw Refusal.BadQuery("pageToken", "This page token is not valid.");
        }

        return content.Query == Fingerprint(request)
            ? content.Place
            : throw Refusal.BadQuery("pageToken", "This page token belongs to another query; repeat filter and orderBy as they were.");
    }

    private static string Fingerprint(ListRequest request)
    {
        var query = JsonSerializer.Serialize(new[] { request.Path, request.Filter, request.OrderBy });
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(query))[..12]);
    }

    private sealed record Content(string Query, JsonElement[] Place);
}
