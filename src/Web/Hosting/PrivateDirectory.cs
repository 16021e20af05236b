namespace CloudVm.Web.Hosting;

/// <summary>Directories that only this process's user may read.</summary>
public static class PrivateDirectory
{
    /// <summary>Creates the directory with mode 0700 where the system has modes.</summary>
    public static DirectoryInfo Create(string path) => OperatingSystem.IsWindows()
        ? Directory.CreateDirectory(path)
        : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
}
