using System.Globalization;
using System.Reflection;
using CloudVm.Testing;

namespace CloudVm.Architecture.Tests;

/// <summary>
/// Enums whose values reach a database, a snapshot or the wire keep their names and numbers for ever: <c>PersistedEnums.txt</c>
/// is the record. A new member is added there by hand; a changed or missing line is a broken stored value.
/// </summary>
public sealed class PersistedEnumTests
{
    private static readonly string[] Namespaces = ["CloudVm.Contracts", "CloudVm.Storage", "CloudVm.Hypervisor.Snapshots"];

    private static readonly string[] Assemblies = ["CloudVm.Contracts", "CloudVm.Storage", "CloudVm.Hypervisor"];

    [Fact]
    public void Persisted_enums_are_as_recorded()
    {
        var recorded = File.ReadAllLines(RepositoryRoot.Combine("tests", "Architecture.Tests", "PersistedEnums.txt"))
            .Where(line => line.Length != 0 && line[0] != '#')
            .ToHashSet(StringComparer.Ordinal);
        var actual = Assemblies.Select(Assembly.Load).SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.IsEnum && Namespaces.Any(name => type.Namespace == name || type.Namespace!.StartsWith(name + ".", StringComparison.Ordinal)))
            .SelectMany(Members)
            .ToHashSet(StringComparer.Ordinal);

        Findings.AssertNone(recorded.Except(actual, StringComparer.Ordinal).Select(line => $"stored values would break, gone: {line}"));
        Findings.AssertNone(actual.Except(recorded, StringComparer.Ordinal).Select(line => $"record it: {line}"));
    }

    private static IEnumerable<string> Members(Type type) =>
        Enum.GetNames(type).Select(name =>
            $"{type.FullName}.{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture)}");
}
