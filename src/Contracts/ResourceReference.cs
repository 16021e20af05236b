namespace CloudVm.Contracts;

/// <summary>Names another resource: what it is, its id and the name it had when the reference was written.</summary>
/// <param name="Type">Singular camelCase resource type, such as <c>vm</c> or <c>snapshot</c>.</param>
/// <param name="Id">The resource's id; a host profile's is its name.</param>
/// <param name="Name">The resource's name, where it has one.</param>
public sealed record ResourceReference(string Type, string Id, string? Name);
