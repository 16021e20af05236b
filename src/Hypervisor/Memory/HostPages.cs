using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Memory;

/// <summary>
/// Zeroed host memory that costs nothing until it is touched. On Unix an anonymous mapping without swap reservation; elsewhere the
/// C runtime's zeroed allocation, which large requests get lazily too.
/// </summary>
internal static unsafe partial class HostPages
{
    private const int ProtReadWrite = 3;
    private const int MapPrivate = 2;
    private const int MapAnonymousLinux = 0x20;
    private const int MapAnonymousMac = 0x1000;
    private const int MapNoReserveLinux = 0x4000;
    private const int MadviseDontNeed = 4;
    private const nint MapFailed = -1;

    public static byte* Reserve(nuint length)
    {
        if (OperatingSystem.IsWindows())
            return (byte*)NativeMemory.AllocZeroed(length);

        var flags = MapPrivate | (OperatingSystem.IsLinux() ? MapAnonymousLinux | MapNoReserveLinux : MapAnonymousMac);
        var address = Map(0, length, ProtReadWrite, flags, -1, 0);
        if (address == MapFailed)
            throw new IOException($"mmap of {length} bytes of guest memory failed: {Marshal.GetLastPInvokeErrorMessage()}");
        return (byte*)address;
    }

    public static void Release(byte* address, nuint length)
    {
        if (OperatingSystem.IsWindows())
            NativeMemory.Free(address);
        else
            _ = Unmap((nint)address, length);
    }

    /// <summary>Makes the range read as zeros and gives its pages back to the host where the host allows it.</summary>
    public static void Zero(byte* address, nuint length)
    {
        if (!OperatingSystem.IsLinux() || Advise((nint)address, length, MadviseDontNeed) != 0)
            NativeMemory.Clear(address, length);
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(nint address, nuint length, int advice);
}
