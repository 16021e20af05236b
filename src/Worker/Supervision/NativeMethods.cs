using System.Runtime.InteropServices;

namespace CloudVm.Worker.Supervision;

/// <summary>The few calls of libc (glibc 2.34 or newer) that starting and watching detached processes needs.</summary>
internal static class NativeMethods
{
    public const short PosixSpawnSetSigDef = 0x04;
    public const short PosixSpawnSetSigMask = 0x08;
    public const short PosixSpawnSetSid = 0x80;

    /// <summary>Room for a <c>posix_spawnattr_t</c> (336 bytes in glibc) or a <c>posix_spawn_file_actions_t</c> (80 bytes).</summary>
    public const int OpaqueBytes = 512;

    /// <summary>Size of glibc's <c>sigset_t</c>.</summary>
    public const int SignalSetBytes = 128;

    public const int OpenReadOnly = 0;
    public const int OpenWriteOnly = 1;
    public const int OpenCreate = 0x40;
    public const int OpenAppend = 0x400;

    public const int SignalKill = 9;
    public const int SignalTerminate = 15;

    public const int PollIn = 1;

    public const int WaitByPidFd = 3;
    public const int WaitExited = 4;
    public const int WaitNoHang = 1;

    public const int ErrorInterrupted = 4;
    public const int ErrorNoSuchProcess = 3;

    private const long PidFdOpenCall = 434;
    private const long PidFdSendSignalCall = 424;

    /// <summary><c>pidfd_open(2)</c>; the descriptor is close-on-exec.</summary>
    public static int PidFdOpen(int pid) => (int)Syscall(PidFdOpenCall, pid, 0, 0, 0);

    /// <summary><c>pidfd_send_signal(2)</c>: cannot hit another process that reuses the PID.</summary>
    public static int PidFdSendSignal(int pidFd, int signal) => (int)Syscall(PidFdSendSignalCall, pidFd, signal, 0, 0);

    /// <summary>Makes renames within a directory durable.</summary>
    /// <exception cref="IOException">The host's storage failed.</exception>
    public static void FlushDirectory(string path)
    {
        int descriptor = Open(path, OpenReadOnly);
        if (descriptor < 0)
            throw new IOException($"{path} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        using Microsoft.Win32.SafeHandles.SafeFileHandle directory = new(descriptor, ownsHandle: true);
        if (Synchronize(directory) != 0)
            throw new IOException($"{path} cannot be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Synchronize(Microsoft.Win32.SafeHandles.SafeFileHandle file);

    [DllImport("libc", EntryPoint = "posix_spawn")]
    public static extern int PosixSpawn(
        out int pid,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string path,
        IntPtr fileActions,
        IntPtr attributes,
        IntPtr[] arguments,
        IntPtr[] environment);

    [DllImport("libc", EntryPoint = "posix_spawnattr_init")]
    public static extern int SpawnAttributesInit(IntPtr attributes);

    [DllImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    public static extern int SpawnAttributesDestroy(IntPtr attributes);

    [DllImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    public static extern int SpawnAttributesSetFlags(IntPtr attributes, short flags);

    [DllImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    public static extern int SpawnAttributesSetSignalMask(IntPtr attributes, byte[] signals);

    [DllImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    public static extern int SpawnAttributesSetSignalDefault(IntPtr attributes, byte[] signals);

    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    public static extern int FileActionsInit(IntPtr fileActions);

    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    public static extern int FileActionsDestroy(IntPtr fileActions);

    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_addopen")]
    public static extern int FileActionsAddOpen(
        IntPtr fileActions, int descriptor, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mode);

    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    public static extern int FileActionsAddDup2(IntPtr fileActions, int descriptor, int newDescriptor);

    [DllImport("libc", EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    public static extern int FileActionsAddCloseFrom(IntPtr fileActions, int from);

    [DllImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static extern int Poll([In, Out] PollDescriptor[] descriptors, nuint count, int timeoutMilliseconds);

    [DllImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static extern int EventFd(uint initial, int flags);

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    public static extern nint Read(int descriptor, byte[] buffer, nuint count);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    public static extern nint Write(int descriptor, byte[] buffer, nuint count);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    public static extern int Close(int descriptor);

    [DllImport("libc", EntryPoint = "waitid", SetLastError = true)]
    public static extern int WaitId(int idType, int id, byte[] signalInfo, int options);

    [DllImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static extern long Syscall(long number, long first, long second, long third, long fourth);

    /// <summary><c>struct pollfd</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
