using CloudVm.Testing;

namespace CloudVm.Architecture.Tests;

/// <summary>The repository's own text files, without build output and packages.</summary>
internal static class SourceFiles
{
    private static readonly HashSet<string> SkippedFolders = new(StringComparer.Ordinal)
    {
        ".git", ".cloudvm", "bin", "obj", "artifacts", "node_modules", "TestResults", ".vs", ".idea",
    };

    private static readonly HashSet<string> TextEnds = new(StringComparer.Ordinal)
    {
        "", ".cs", ".razor", ".css", ".js", ".mjs", ".html", ".c", ".h", ".S", ".lds", ".sh", ".sql", ".md", ".decode", ".props", ".targets",
        ".csproj", ".json", ".yml", ".yaml", ".txt", ".csv", ".py",
    };

    /// <summary>Paths relative to the root, with forward slashes, in ordinal order.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Walk(RepositoryRoot.Path)
        .Where(path => TextEnds.Contains(Path.GetExtension(path)) && !IsVendored(path))
        .Order(StringComparer.Ordinal)];

    public static string Read(string path) => File.ReadAllText(RepositoryRoot.Combine(path));

    /// <summary>Files that a package manager wrote.</summary>
    private static bool IsVendored(string path) =>
        path.Contains("/wwwroot/lib/", StringComparison.Ordinal) || path.Contains("/wwwroot/_framework/", StringComparison.Ordinal)
        || path.EndsWith("packages.lock.json", StringComparison.Ordinal) || path.EndsWith("package-lock.json", StringComparison.Ordinal);

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
            yield return Path.GetRelativePath(RepositoryRoot.Path, file).Replace('\\', '/');
        foreach (var below in Directory.EnumerateDirectories(folder).Where(below => !SkippedFolders.Contains(Path.GetFileName(below))))
        {
            foreach (var file in Walk(below))
                yield return file;
        }
    }
}
