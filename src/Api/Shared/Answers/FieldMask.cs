using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Api.Shared.Answers;

/// <summary>The <c>fields</c> parameter: which members of a resource to answer with, such as <c>id,status.phase</c>.</summary>
internal sealed class FieldMask
{
    private readonly Dictionary<string, FieldMask> _members = new(StringComparer.Ordinal);
    private bool _isPage;

    /// <summary>Reads and checks the parameter; null where there is none.</summary>
    /// <exception cref="ProblemException">A name is unknown.</exception>
    public static FieldMask? Read(HttpRequest request, Type? body)
    {
        var text = request.Query["fields"].ToString();
        if (text.Length == 0 || body is null)
            return null;

        var isPage = body.IsGenericType && body.GetGenericTypeDefinition() == typeof(Page<>);
        var resource = CloudVmJson.Options.GetTypeInfo(isPage ? body.GetGenericArguments()[0] : body);
        var mask = new FieldMask { _isPage = isPage };
        foreach (var path in text.Split(',', StringSplitOptions.TrimEntries))
            mask.Add(path, path.Split('.'), resource);
        return mask;
    }

    /// <summary>Removes everything that was not asked for.</summary>
    public void Apply(JsonObject body)
    {
        if (!_isPage)
        {
            Keep(body);
            return;
        }

        foreach (var item in body["items"]!.AsArray())
            Keep(item!.AsObject());
    }

    private void Keep(JsonObject node)
    {
        foreach (var name in node.Select(p => p.Key).Where(name => !_members.ContainsKey(name)).ToList())
            node.Remove(name);
        foreach (var (name, mask) in _members.Where(m => m.Value._members.Count > 0))
        {
            if (node[name] is JsonObject child)
                mask.Keep(child);
        }
    }

    private void Add(string path, ReadOnlySpan<string> names, JsonTypeInfo type)
    {
        if (names.IsEmpty)
            return;

        var name = names[0];
        var member = type.Kind == JsonTypeInfoKind.Object ? type.Properties.FirstOrDefault(p => p.Name == name) : null;
        if (member is null && type.Kind != JsonTypeInfoKind.Dictionary)
            throw Refusal.BadQuery("fields", $"There is no field '{path}'.");

        if (!_members.TryGetValue(name, out var mask))
            _members[name] = mask = new FieldMask();
        if (names.Length > 1)
            mask.Add(path, names[1..], CloudVmJson.Options.GetTypeInfo(member?.PropertyType ?? typeof(string)));
    }
}
