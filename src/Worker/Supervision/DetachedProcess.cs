using System.ComponentModel;
using System.Runtime.InteropServices;
using static CloudVm.Worker.Supervision.NativeMethods;

namespace CloudVm.Worker.Supervision;

/// <summary>
/// Starts processes that outlive this one: their own session, no inherited descriptors, signals as in a fresh shell, output to a file.
/// </summary>
/// <remarks>
/// <see cref="System.Diagnostics.Process"/> cannot do this: it hands the caller's standard streams to the child (a pipe to a dead
/// Worker would end it by SIGPIPE) and leaves it in the caller's session (a Ctrl-C at the terminal would reach every guest).
/// </remarks>
public static class DetachedProcess
{
    /// <summary>Starts <paramref name="path"/> and returns its PID; it is a child of the caller until the caller ends.</summary>
    /// <param name="path">Absolute path of the executable.</param>
    /// <param name="arguments">Arguments without the program name.</param>
    /// <param name="environment">The whole environment of the child.</param>
    /// <param name="outputPath">File that standard output and error are appended to.</param>
    /// <exception cref="Win32Exception">The program could not be executed; the error code is that of <c>execve</c>.</exception>
    public static int Start(
        string path, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string outputPath)
    {
        IntPtr attributes = Marshal.AllocHGlobal(OpaqueBytes);
        IntPtr fileActions = Marshal.AllocHGlobal(OpaqueBytes);
        IntPtr[] nativeArguments = ToNative([path, .. arguments]);
        IntPtr[] nativeEnvironment = ToNative(environment.Select(pair => $"{pair.Key}={pair.Value}"));
        try
        {
            Check(SpawnAttributesInit(attributes));
            try
            {
                Check(FileActionsInit(fileActions));
                try
                {
                    Prepare(attributes, fileActions, outputPath);
                    Check(PosixSpawn(out int pid, path, fileActions, attributes, nativeArguments, nativeEnvironment));
                    return pid;
                }
                finally
                {
                    _ = FileActionsDestroy(fileActions);
                }
            }
            finally
            {
                _ = SpawnAttributesDestroy(attributes);
            }
        }
        finally
        {
            Free(nativeArguments);
            Free(nativeEnvironment);
            Marshal.FreeHGlobal(fileActions);
            Marshal.FreeHGlobal(attributes);
        }
    }

    private static void Prepare(IntPtr attributes, IntPtr fileActions, string outputPath)
    {
        // The runtime ignores SIGPIPE and may block signals; ignored and blocked signals survive an exec.
        byte[] everySignal = new byte[SignalSetBytes];
        Array.Fill(everySignal, byte.MaxValue);
        Check(SpawnAttributesSetFlags(attributes, PosixSpawnSetSid | PosixSpawnSetSigMask | PosixSpawnSetSigDef));
        Check(SpawnAttributesSetSignalMask(attributes, new byte[SignalSetBytes]));
        Check(SpawnAttributesSetSignalDefault(attributes, everySignal));

        const uint ownerReadWrite = 0x180; // 0600
        Check(FileActionsAddOpen(fileActions, 0, "/dev/null", OpenReadOnly, 0));
        Check(FileActionsAddOpen(fileActions, 1, outputPath, OpenWriteOnly | OpenCreate | OpenAppend, ownerReadWrite));
        Check(FileActionsAddDup2(fileActions, 1, 2));
        Check(FileActionsAddCloseFrom(fileActions, 3));
    }

    private static IntPtr[] ToNative(IEnumerable<string> texts) =>
        [.. texts.Select(Marshal.StringToCoTaskMemUTF8), IntPtr.Zero];

    private static void Free(IntPtr[] texts)
    {
        foreach (IntPtr text in texts)
            Marshal.FreeCoTaskMem(text);
    }

    private static void Check(int error)
    {
        if (error != 0)
            throw new Win32Exception(error);
    }
}
