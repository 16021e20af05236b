using System.Text.Json;
using System.Text.Json.Nodes;

namespace CloudVm.Api.Shared.Bodies;

/// <summary>JSON merge patch, RFC 7396.</summary>
internal static class MergePatch
{
    public static JsonNode? Apply(JsonNode? target, JsonElement patch)
    {
        if (patch.ValueKind != JsonValueKind.Object)
            return JsonNode.Parse(patch.GetRawText());

        var result = target as JsonObject ?? [];
        foreach (var member in patch.EnumerateObject())
        {
            var current = result[member.Name];
            result.Remove(member.Name);
            if (member.Value.ValueKind != JsonValueKind.Null)
                result[member.Name] = Apply(current, member.Value);
        }

        return result;
    }
}
