using CloudVm.Testing;

namespace CloudVm.Launcher.Tests;

/// <summary>A copy of the launcher and of what it reads, in a place of a test's choice; removed on disposal.</summary>
internal sealed class LauncherCopy : IDisposable
{
    private readonly string _outermost;

    private LauncherCopy(string outermost, string root)
    {
        _outermost = outermost;
        Root = root;
    }

    /// <summary>Directory that holds the copy.</summary>
    public string Root { get; }

    /// <summary>A copy whose path has <paramref name="length"/> characters.</summary>
    public static LauncherCopy WithPathOfLength(int length)
    {
        string outermost = Path.Combine("/tmp", "cvm-copy-" + Guid.NewGuid().ToString("N")[..8]);
        string root = outermost;
        while (root.Length < length)
            root = Path.Combine(root, new string('d', Math.Clamp(length - root.Length - 1, 1, 40)));
        return new LauncherCopy(outermost, root).Filled();
    }

    /// <summary>A copy in a home directory that only its owner may enter.</summary>
    public static LauncherCopy InPrivateHome()
    {
        string home = Path.Combine("/tmp", "cvm-home-" + Guid.NewGuid().ToString("N")[..8]);
        Directory.CreateDirectory(home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new LauncherCopy(home, Path.Combine(home, "cloudvm")).Filled();
    }

    public void Dispose()
    {
        if (Directory.Exists(_outermost))
            Directory.Delete(_outermost, recursive: true);
    }

    private LauncherCopy Filled()
    {
        string repository = RepositoryRoot.Path;
        Directory.CreateDirectory(Root);
        File.Copy(Path.Combine(repository, "cloudvm"), Path.Combine(Root, "cloudvm"));
        foreach (string folder in (string[])["scripts", "images"])
        {
            foreach (string file in Directory.EnumerateFiles(Path.Combine(repository, folder), "*", SearchOption.AllDirectories))
            {
                string copy = Path.Combine(Root, Path.GetRelativePath(repository, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }

        return this;
    }
}
