using System.Xml.Linq;
using CloudVm.Testing;

namespace CloudVm.Architecture.Tests;

/// <summary>Who may know whom among the projects.</summary>
public sealed class ProjectReferenceTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Contracts"] = [],
        ["Storage"] = ["Contracts"],
        ["Migrations"] = ["Storage"],
        ["Api"] = ["Contracts", "Storage", "Migrations"],
        ["Worker"] = ["Contracts", "Storage"],
        ["Web"] = ["Contracts"],
        ["Cli"] = ["Contracts"],
        ["Hypervisor.Generators"] = [],
        ["Hypervisor"] = ["Contracts", "Hypervisor.Generators"],
    };

    /// <summary>Package name prefixes that a project must stay free of.</summary>
    private static readonly Dictionary<string, string[]> BannedPackages = new(StringComparer.Ordinal)
    {
        ["Contracts"] = [""],
        ["Hypervisor"] = ["Npgsql", "Microsoft.EntityFrameworkCore", "Quartz", "Microsoft.Extensions.DependencyInjection"],
        ["Web"] = ["Npgsql", "Microsoft.EntityFrameworkCore", "Quartz"],
        ["Cli"] = ["Npgsql", "Microsoft.EntityFrameworkCore", "Quartz"],
    };

    private static readonly string[] CommonPackages =
        ["Meziantou.Analyzer", "Roslynator.Analyzers", "Microsoft.CodeAnalysis.BannedApiAnalyzers"];

    public static TheoryData<string> Projects => [.. ProjectFiles().Select(Name).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_references_point_in_the_allowed_direction(string project)
    {
        Assert.True(Allowed.TryGetValue(project, out var allowed), $"{project} has no rule: decide what it may know.");

        var references = Items(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path)!).Select(Normalise);

        Findings.AssertNone(references.Except(allowed, StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_packages_stay_in_their_layer(string project)
    {
        var banned = BannedPackages.GetValueOrDefault(project, []);
        var packages = Items(project, "PackageReference").Except(CommonPackages, StringComparer.Ordinal);

        Findings.AssertNone(packages.Where(package => banned.Any(prefix => package.StartsWith(prefix, StringComparison.Ordinal))));
    }

    private static IEnumerable<string> ProjectFiles() =>
        new[] { "src", "migrations" }
            .Select(folder => RepositoryRoot.Combine(folder))
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories));

    private static string Name(string projectFile) => Normalise(Path.GetFileNameWithoutExtension(projectFile));

    private static string Normalise(string name) => name.StartsWith("CloudVm.", StringComparison.Ordinal) ? name["CloudVm.".Length..] : name;

    private static IEnumerable<string> Items(string project, string kind) =>
        XDocument.Load(ProjectFiles().Single(file => Name(file) == project))
            .Descendants(kind)
            .Select(item => ((string?)item.Attribute("Include") ?? "").Replace('\\', '/'))
            .Where(include => include.Length != 0);
}
