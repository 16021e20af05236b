using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Memory;

/// <summary>What .NET does not offer about the host's files.</summary>
internal static partial class HostFiles
{
    private const int FallocKeepSize = 1;
    private const int FallocPunchHole = 2;

    /// <summary>
    /// Gives the range's space back to the host; it then reads as zeros. False, with nothing changed, where the host or its file system
    /// cannot.
    /// </summary>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length) =>
        OperatingSystem.IsLinux() && Allocate(file, FallocPunchHole | FallocKeepSize, offset, length) == 0;

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);
}
