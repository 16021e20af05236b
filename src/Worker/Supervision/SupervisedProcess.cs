using System.ComponentModel;
using System.Runtime.InteropServices;
using static CloudVm.Worker.Supervision.NativeMethods;

namespace CloudVm.Worker.Supervision;

/// <summary>A live process held by a pidfd: its exit is seen at once, and signals cannot reach a process that reuses its PID.</summary>
/// <remarks>Thread: any. Disposing stops the watching, never the process.</remarks>
public sealed class SupervisedProcess : IDisposable
{
    private readonly ExitMonitor _monitor;
    private readonly int _pidFd;
    private int _disposed;

    private SupervisedProcess(ExitMonitor monitor, ProcessIdentity identity, int pidFd)
    {
        _monitor = monitor;
        _pidFd = pidFd;
        Identity = identity;
        Exited = monitor.WatchAsync(pidFd);
    }

    /// <summary>PID and start time.</summary>
    public ProcessIdentity Identity { get; }

    /// <summary>Completes when the process has ended; cancelled when this object is disposed first.</summary>
    public Task<ProcessExit> Exited { get; }

    /// <summary>Takes hold of a process that this Worker or an earlier one started.</summary>
    /// <returns>Null when exactly this process no longer lives.</returns>
    public static SupervisedProcess? TryAttach(ExitMonitor monitor, ProcessIdentity identity)
    {
        int pidFd = PidFdOpen(identity.ProcessId);
        if (pidFd < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error == ErrorNoSuchProcess ? null : throw new Win32Exception(error);
        }

        // Only after the descriptor is open does the comparison hold: from here on the PID cannot change hands unseen.
        if (identity.IsAlive)
            return new SupervisedProcess(monitor, identity, pidFd);

        _ = Close(pidFd);
        return null;
    }

    /// <summary>Ends the process at once (SIGKILL). Returns when it is gone; ending a dead process is a no-op.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        Signal(SignalKill);
        await Exited.WaitAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Asks the process to end (SIGTERM).</summary>
    public void Terminate() => Signal(SignalTerminate);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _monitor.Forget(_pidFd);
    }

    private void Signal(int signal)
    {
        if (Exited.IsCompleted || PidFdSendSignal(_pidFd, signal) == 0)
            return;
        int error = Marshal.GetLastPInvokeError();
        if (error != ErrorNoSuchProcess)
            throw new Win32Exception(error);
    }
}
