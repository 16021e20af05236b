using System.Collections.Immutable;
using System.Globalization;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;
using Microsoft.Net.Http.Headers;

namespace CloudVm.Api.Shared.Answers;

/// <summary>
/// Conditional requests (RFC 9110, RFC 6585). A tag is <c>generation.revision</c>; <c>If-Match</c> compares the generation
/// only, so that a changed status never costs a 412.
/// </summary>
internal static class EntityTags
{
    /// <summary>For changes of a definition: 428 without <c>If-Match</c>, 412 with another generation.</summary>
    public static void RequireMatch(HttpRequest request, long generation, string currentTag)
    {
        if (request.Headers.IfMatch.Count == 0)
        {
            throw new ProblemException(
                StatusCodes.Status428PreconditionRequired,
                ProblemCodes.PreconditionRequired,
                "Changing a definition needs If-Match with the ETag that the change is based on.")
            {
                Headers = Tag(currentTag),
            };
        }

        CheckMatch(request, generation, currentTag);
    }

    /// <summary>For other changes: 412 where there is an <c>If-Match</c> with another generation.</summary>
    public static void CheckMatch(HttpRequest request, long generation, string currentTag)
    {
        if (request.Headers.IfMatch.Count == 0)
            return;
        if (!EntityTagHeaderValue.TryParseStrictList([.. request.Headers.IfMatch!], out var tags))
            throw Refusal.BadRequest(ProblemCodes.InvalidRequest, "If-Match is no list of entity tags, such as \"3.17\".");
        if (tags.Any(t => t.Equals(EntityTagHeaderValue.Any) || (!t.IsWeak && GenerationOf(t) == generation)))
            return;

        throw new ProblemException(
            StatusCodes.Status412PreconditionFailed,
            ProblemCodes.PreconditionFailed,
            $"The definition has changed meanwhile: its ETag is now \"{currentTag}\".")
        {
            Headers = Tag(currentTag),
        };
    }

    /// <summary>Whether <c>If-None-Match</c> names the tag, so that 304 is the answer.</summary>
    public static bool NoneMatches(HttpRequest request, string etag) =>
        request.Headers.IfNoneMatch.Count > 0
        && EntityTagHeaderValue.TryParseList([.. request.Headers.IfNoneMatch!], out var tags)
        && tags.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Tag == etag);

    private static long? GenerationOf(EntityTagHeaderValue tag)
    {
        var text = tag.Tag.AsSpan().Trim('"');
        var dot = text.IndexOf('.');
        return dot > 0 && long.TryParse(text[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var generation)
            ? generation
            : null;
    }

    private static ImmutableDictionary<string, string> Tag(string tag) =>
        ImmutableDictionary<string, string>.Empty.Add(HeaderNames.ETag, $"\"{tag}\"");
}
