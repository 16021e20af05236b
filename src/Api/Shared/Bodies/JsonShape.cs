using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Api.Shared.Bodies;

/// <summary>
/// Compares JSON with a type and names everything that does not fit, where a deserializer stops at the first. What fits is
/// kept, so that later checks can go on and add their reasons.
/// </summary>
internal sealed class JsonShape(List<ProblemReason> reasons)
{
    /// <summary>A copy of the element without what does not fit; null when nothing is left of it.</summary>
    public JsonNode? Fit(JsonElement element, Type type, string pointer = "")
    {
        var info = CloudVmJson.Options.GetTypeInfo(Nullable.GetUnderlyingType(type) ?? type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => FitObject(element, info, pointer),
            JsonTypeInfoKind.Dictionary => FitDictionary(element, info, pointer),
            JsonTypeInfoKind.Enumerable => FitArray(element, info, pointer),
            _ => FitValue(element, info, pointer),
        };
    }

    private JsonObject? FitObject(JsonElement element, JsonTypeInfo info, string pointer)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return Refuse<JsonObject>(pointer, "an object");

        var result = new JsonObject();
        foreach (var member in element.EnumerateObject())
        {
            var at = $"{pointer}/{Escape(member.Name)}";
            if (info.Properties.FirstOrDefault(p => p.Name == member.Name) is not { } property)
                reasons.Add(new ProblemReason(at, "unknownField", $"There is no field '{member.Name}' here."));
            else if (result.ContainsKey(member.Name))
                reasons.Add(new ProblemReason(at, "duplicateField", $"Field '{member.Name}' is given twice."));
            else if (IsAllowedNull(member.Value, property))
                result.Add(member.Name, null);
            else if (FitMember(member.Value, property, at) is { } fitting)
                result.Add(member.Name, fitting);
        }

        return result;
    }

    private static bool IsAllowedNull(JsonElement value, JsonPropertyInfo property) =>
        value.ValueKind == JsonValueKind.Null
        && (property.PropertyType.IsValueType ? Nullable.GetUnderlyingType(property.PropertyType) is not null : property.IsSetNullable);

    private JsonNode? FitMember(JsonElement value, JsonPropertyInfo property, string pointer) =>
        value.ValueKind == JsonValueKind.Null
            ? Refuse<JsonNode>(pointer, Describe(property.PropertyType))
            : Fit(value, property.PropertyType, pointer);

    private JsonObject? FitDictionary(JsonElement element, JsonTypeInfo info, string pointer)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return Refuse<JsonObject>(pointer, "an object");

        var result = new JsonObject();
        foreach (var member in element.EnumerateObject())
        {
            if (Fit(member.Value, info.ElementType!, $"{pointer}/{Escape(member.Name)}") is { } fitting)
                result[member.Name] = fitting;
        }

        return result;
    }

    private JsonArray? FitArray(JsonElement element, JsonTypeInfo info, string pointer)
    {
        if (element.ValueKind != JsonValueKind.Array)
            return Refuse<JsonArray>(pointer, "an array");

        var fitting = element.EnumerateArray()
            .Select((item, index) => Fit(item, info.ElementType!, $"{pointer}/{index}"))
            .ToArray();

        // A list without its bad items would be another list.
        return fitting.Contains(null) ? null : new JsonArray(fitting);
    }

    private JsonNode? FitValue(JsonElement element, JsonTypeInfo info, string pointer)
    {
        try
        {
            if (element.ValueKind != JsonValueKind.Null)
            {
                var value = element.Deserialize(info);
                if (value is not string text || !text.Contains('\0', StringComparison.Ordinal))
                    return JsonNode.Parse(element.GetRawText());
                reasons.Add(new ProblemReason(pointer, "invalidCharacter", "A NUL character cannot be stored."));
                return null;
            }
        }
        catch (JsonException)
        {
            // Said below, in the API's terms rather than the deserializer's.
        }

        return Refuse<JsonNode>(pointer, Describe(info.Type));
    }

    private T? Refuse<T>(string pointer, string expected)
        where T : JsonNode
    {
        reasons.Add(new ProblemReason(pointer, "wrongType", $"This must be {expected}."));
        return null;
    }

    private static string Describe(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum)
            return "one of " + string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName));
        if (type == typeof(string))
            return "a string";
        if (type == typeof(bool))
            return "true or false";
        if (type == typeof(int) || type == typeof(long))
            return "an integer";
        if (type == typeof(Guid))
            return "a UUID";
        return CloudVmJson.Options.GetTypeInfo(type).Kind == JsonTypeInfoKind.Enumerable ? "an array" : "an object";
    }

    private static string Escape(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
