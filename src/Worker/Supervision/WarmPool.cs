using System.Threading.Channels;

namespace CloudVm.Worker.Supervision;

/// <summary>Keeps idle Hypervisor processes ready, so that starting a VM does not wait for a runtime to start.</summary>
public sealed partial class WarmPool(WorkerOptions options, HypervisorLauncher launcher, ILogger<WarmPool> logger) : BackgroundService
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Queue<HypervisorInstance> _idle = new();
    private readonly Channel<bool> _wanted = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Processes that are ready now.</summary>
    public int ReadyCount
    {
        get
        {
            lock (_gate)
                return _idle.Count(instance => !instance.Process.Exited.IsCompleted);
        }
    }

    /// <summary>Takes a ready process, or starts one when none is.</summary>
    /// <exception cref="HypervisorStartException">None was ready and none could be started.</exception>
    public async Task<HypervisorInstance> TakeAsync(CancellationToken ct)
    {
        HypervisorInstance? ready = TakeReady();
        _wanted.Writer.TryWrite(true);
        return ready ?? await launcher.StartAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Gives an idle process of an earlier Worker to the pool. False when the pool is full.</summary>
    public bool TryAdopt(HypervisorInstance instance)
    {
        lock (_gate)
        {
            if (_idle.Count >= options.WarmPoolSize)
                return false;
            _idle.Enqueue(instance);
        }

        _ = ReplaceWhenGoneAsync(instance);
        return true;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _wanted.Writer.TryWrite(true);
        TimeSpan retry = FirstRetry;
        while (await _wanted.Reader.WaitToReadAsync(stoppingToken).ConfigureAwait(false))
        {
            _wanted.Reader.TryRead(out _);
            try
            {
                await FillAsync(stoppingToken).ConfigureAwait(false);
                retry = FirstRetry;
            }
            catch (HypervisorStartException failure)
            {
                LogRefillFailed(failure, retry);
                await Task.Delay(retry, stoppingToken).ConfigureAwait(false);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LongestRetry.Ticks));
                _wanted.Writer.TryWrite(true);
            }
        }
    }

    private async Task FillAsync(CancellationToken ct)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_idle.Count >= options.WarmPoolSize)
                    return;
            }

            HypervisorInstance instance = await launcher.StartAsync(ct).ConfigureAwait(false);
            lock (_gate)
                _idle.Enqueue(instance);
            _ = ReplaceWhenGoneAsync(instance);
        }
    }

    private async Task ReplaceWhenGoneAsync(HypervisorInstance instance)
    {
        // Cancelled when the process was given to a VM whose supervisor has let go of it since.
        await ((Task)instance.Process.Exited).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        bool wasIdle;
        lock (_gate)
        {
            HypervisorInstance[] others = [.. _idle.Where(other => other != instance)];
            wasIdle = others.Length < _idle.Count;
            if (wasIdle)
            {
                _idle.Clear();
                foreach (HypervisorInstance other in others)
                    _idle.Enqueue(other);
            }
        }

        if (!wasIdle)
            return;
        LogIdleProcessEnded(instance.Identity.ProcessId);
        instance.Dispose();
        launcher.Cleanup(instance.Name);
        _wanted.Writer.TryWrite(true);
    }

    private HypervisorInstance? TakeReady()
    {
        lock (_gate)
        {
            while (_idle.TryDequeue(out HypervisorInstance? instance))
            {
                if (!instance.Process.Exited.IsCompleted)
                    return instance;
                instance.Dispose();
                launcher.Cleanup(instance.Name);
            }

            return null;
        }
    }
}
