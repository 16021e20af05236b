namespace CloudVm.Testing;

/// <summary>Finds files of the repository that a test runs from.</summary>
public static class RepositoryRoot
{
    /// <summary>The absolute path of the directory that holds <c>CloudVm.sln</c>.</summary>
    /// <exception cref="InvalidOperationException">The test assembly does not lie inside the repository.</exception>
    public static string Path { get; } = Find();

    /// <summary>The absolute path of a file or folder named relative to the root.</summary>
    public static string Combine(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Path, .. parts]);

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory != null; directory = directory.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(directory.FullName, "CloudVm.sln")))
                return directory.FullName;
        }

        throw new InvalidOperationException($"No CloudVm.sln above {AppContext.BaseDirectory}.");
    }
}
