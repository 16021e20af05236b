using System.ComponentModel;
using System.Runtime.InteropServices;
using static CloudVm.Worker.Supervision.NativeMethods;

namespace CloudVm.Worker.Supervision;

/// <summary>One thread that waits on the pidfds of all supervised processes.</summary>
/// <remarks>Thread: any. The monitor owns the descriptors given to it and closes them.</remarks>
public sealed class ExitMonitor : IDisposable
{
    private const int EventFdCloseOnExec = 0x80000;

    private static readonly byte[] WakeToken = BitConverter.GetBytes(1UL);

    private readonly Lock _gate = new();
    private readonly Dictionary<int, TaskCompletionSource<ProcessExit>> _watched = [];
    private readonly List<int> _forgotten = [];
    private readonly int _wakeFd;
    private readonly Thread _thread;
    private bool _stopping;

    /// <summary>Starts the thread.</summary>
    public ExitMonitor()
    {
        _wakeFd = EventFd(0, EventFdCloseOnExec);
        if (_wakeFd < 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        _thread = new Thread(Run) { IsBackground = true, Name = "hypervisor-exits" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
            _stopping = true;
        Wake();
        _thread.Join();
        _ = Close(_wakeFd);
    }

    internal Task<ProcessExit> WatchAsync(int pidFd)
    {
        TaskCompletionSource<ProcessExit> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
            _watched.Add(pidFd, exited);
        Wake();
        return exited.Task;
    }

    /// <summary>Stops watching. The thread closes the descriptor, since it may be polling it now.</summary>
    internal void Forget(int pidFd)
    {
        lock (_gate)
        {
            if (_watched.Remove(pidFd, out TaskCompletionSource<ProcessExit>? exited))
                exited.TrySetCanceled();
            _forgotten.Add(pidFd);
        }

        Wake();
    }

    private void Wake() => _ = Write(_wakeFd, WakeToken, (nuint)WakeToken.Length);

    private void Run()
    {
        byte[] wakeCount = new byte[sizeof(ulong)];
        while (true)
        {
            PollDescriptor[] descriptors;
            lock (_gate)
            {
                foreach (int pidFd in _forgotten)
                    _ = Close(pidFd);
                _forgotten.Clear();
                if (_stopping)
                    return;
                descriptors =
                [
                    new PollDescriptor { Descriptor = _wakeFd, Events = PollIn },
                    .. _watched.Keys.Select(fd => new PollDescriptor { Descriptor = fd, Events = PollIn }),
                ];
            }

            if (Poll(descriptors, (nuint)descriptors.Length, -1) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error == ErrorInterrupted)
                    continue;
                throw new Win32Exception(error);
            }

            if (descriptors[0].Returned != 0)
                _ = Read(_wakeFd, wakeCount, (nuint)wakeCount.Length);
            foreach (PollDescriptor ended in descriptors.Skip(1).Where(d => d.Returned != 0))
                Complete(ended.Descriptor);
        }
    }

    private void Complete(int pidFd)
    {
        TaskCompletionSource<ProcessExit>? exited;
        lock (_gate)
        {
            if (!_watched.Remove(pidFd, out exited))
                return;
        }

        exited.TrySetResult(Reap(pidFd));
    }

    /// <summary>Collects the exit status, which also removes the zombie. Fails (ECHILD) for a process that an earlier Worker started.</summary>
    private static ProcessExit Reap(int pidFd)
    {
        const int codeOffset = 8;
        const int statusOffset = 24;
        const int exitedCode = 1;
        byte[] info = new byte[128]; // siginfo_t
        if (WaitId(WaitByPidFd, pidFd, info, WaitExited | WaitNoHang) != 0)
            return default;
        int code = BitConverter.ToInt32(info, codeOffset);
        int status = BitConverter.ToInt32(info, statusOffset);
        return code switch
        {
            0 => default,
            exitedCode => new ProcessExit(status, null),
            _ => new ProcessExit(null, status),
        };
    }
}
