namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>
/// The I/O thread of one device: it serves the device whenever it is woken, and stands still while it is held. It starts at the first
/// wake-up, so a device that the guest never uses costs none.
/// </summary>
/// <remarks>
/// Thread: any. Invariant: from the return of <see cref="Hold"/> to <see cref="Release"/> the service does not run, so nothing of the
/// device touches guest memory.
/// </remarks>
internal sealed class VirtioWorker(string name, Func<TimeSpan> service)
{
    private readonly object _gate = new();
    private Thread? _thread;
    private bool _woken;
    private bool _busy;
    private volatile bool _ended;
    private volatile int _holds;

    /// <summary>Whether the service shall return at the next request boundary; it will be called again for the rest.</summary>
    public bool ShouldYield => _holds != 0 || _ended;

    /// <summary>Has the service run, soon and at least once from now.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (_ended)
                return;
            _woken = true;
            if (_thread is null)
            {
                const int StackBytes = 256 * 1024;
                _thread = new Thread(Loop, StackBytes) { IsBackground = true, Name = name };
                _thread.Start();
            }

            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until the service stands still and keeps it so; holds add up. Not from within the service.</summary>
    public void Hold()
    {
        lock (_gate)
        {
            _holds++;
            while (_busy)
                Monitor.Wait(_gate);
        }
    }

    /// <summary>Takes back one <see cref="Hold"/>. What the service left undone is done after the last one.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _holds--;
            _woken |= _thread is not null;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends the thread, after the request at hand.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }

        _thread?.Join();
    }

    private void Loop()
    {
        var wait = Timeout.InfiniteTimeSpan;
        while (AwaitWork(wait))
        {
            wait = service();
            lock (_gate)
            {
                _busy = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool AwaitWork(TimeSpan wait)
    {
        lock (_gate)
        {
            while (!_ended && (_holds > 0 || !_woken))
            {
                if (_holds > 0)
                    Monitor.Wait(_gate);
                else if (!Monitor.Wait(_gate, wait))
                    _woken = true;
            }

            _woken = false;
            _busy = !_ended;
            return _busy;
        }
    }
}
