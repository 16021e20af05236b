using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using static CloudVm.Contracts.Control.ControlProtocol;

namespace CloudVm.Hypervisor.Control;

/// <summary>
/// The control protocol: finds a call's handler, checks the epoch of mutating ones and runs them one after the other, and turns refusals
/// into problem answers.
/// </summary>
/// <remarks>Thread: any.</remarks>
internal sealed partial class ControlServer : IDisposable
{
    private readonly EpochFence _fence = new();
    private readonly SemaphoreSlim _mutation = new(1);
    private readonly TaskCompletionSource<MachineExit> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<(string Method, string Path), Func<HttpContext, Task>> _routes;
    private readonly ServeOptions _options;
    private readonly ExitRecordWriter _exitRecord;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HashSet<Task> _viewers = [];
    private GuestMachine? _machine;

    public ControlServer(ServeOptions options, ExitRecordWriter exitRecord, TimeProvider time, ILogger logger)
    {
        _options = options;
        _exitRecord = exitRecord;
        _time = time;
        _logger = logger;
        _routes = new()
        {
            [("GET", Paths.Hello)] = HelloAsync,
            [("GET", Paths.Status)] = context => AnswerStatusAsync(context),
            [("GET", Paths.Counters)] = CountersAsync,
            [("GET", Paths.Memory)] = ReadMemoryAsync,
            [("GET", Paths.MemoryChunks)] = ChunkMapAsync,
            [("GET", Paths.MemoryChunkData)] = ReadChunksAsync,
            [("GET", Paths.State)] = ReadStateAsync,
            [("GET", Paths.Console)] = ConsoleAsync,
            [("GET", Paths.DeviceEvents)] = DeviceEventsAsync,
            [("GET", Paths.Balloon)] = BalloonAsync,
            [("POST", Paths.Balloon)] = context => MutateAsync(context, SetBalloonAsync),
            [("POST", Paths.Configure)] = context => MutateAsync(context, ConfigureAsync),
            [("POST", Paths.Fence)] = context => MutateAsync(context, static _ => Task.CompletedTask),
            [("POST", Paths.Start)] = context => MutateAsync(context, machine => machine.Start()),
            [("POST", Paths.Pause)] = context => MutateAsync(context, machine => machine.Pause()),
            [("POST", Paths.Resume)] = context => MutateAsync(context, machine => machine.Resume()),
            [("POST", Paths.Reset)] = context => MutateAsync(context, machine => machine.Reset()),
            [("POST", Paths.Stop)] = StopAsync,
            [("POST", Paths.PowerButton)] = context => MutateAsync(context, machine => machine.PressPowerButton()),
            [("GET", Paths.Disks)] = DisksAsync,
            [("GET", Paths.DiskBlocks)] = BlockMapAsync,
            [("GET", Paths.DiskBlockData)] = ReadBlocksAsync,
            [("POST", Paths.RestoreBegin)] = context => MutateAsync(context, BeginRestoreAsync),
            [("POST", Paths.MemoryDirtyEpoch)] = context => MutateAsync(context, machine => machine.BeginDirtyEpoch()),
            [("POST", Paths.ConsoleMarker)] = context => MutateAsync(context, AppendMarkerAsync),
            [("PUT", Paths.Debugger)] = context => MutateAsync(context, OpenDebuggerAsync),
            [("DELETE", Paths.Debugger)] = context => MutateAsync(context, CloseDebuggerAsync),
            [("PUT", Paths.Memory)] = context => MutateAsync(context, WriteMemoryAsync),
            [("PUT", Paths.MemoryChunkData)] = context => MutateAsync(context, WriteChunksAsync),
            [("PUT", Paths.DiskBlockData)] = context => MutateAsync(context, WriteBlocksAsync),
            [("DELETE", Paths.DiskBlockData)] = context => MutateAsync(context, ZeroBlocksAsync),
            [("PUT", Paths.State)] = context => MutateAsync(context, WriteStateAsync),
        };
    }

    /// <summary>Completes when the machine has ended and its exit record is written.</summary>
    public Task<MachineExit> Ended => _ended.Task;

    public GuestMachine? Machine => Volatile.Read(ref _machine);

    public long Epoch => _fence.Highest;

    /// <summary>Waits until every console viewer has been told the end, at most <paramref name="patience"/>.</summary>
    public async Task DismissViewersAsync(TimeSpan patience)
    {
        Task[] viewers;
        lock (_viewers)
            viewers = [.. _viewers];
        await Task.WhenAny(Task.WhenAll(viewers), Task.Delay(patience, _time, CancellationToken.None)).ConfigureAwait(false);
    }

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await FindHandler(context.Request)(context).ConfigureAwait(false);
        }
        catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            var problem = ControlException.Describe(e);
            if (problem is null)
            {
                Log.CallFailed(_logger, context.Request.Method, context.Request.Path, e);
                problem = new ControlProblem { Title = "The Hypervisor failed", Status = 500, Code = ProblemCodes.Internal, Detail = e.Message };
            }
            else
            {
                Log.CallRefused(_logger, context.Request.Method, context.Request.Path, problem.Status, e.Message);
            }

            await context.Response.WriteProblemAsync(problem).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the debugger's session, if there is one, and its sockets.</summary>
    public async Task DismissDebuggerAsync()
    {
        if (Volatile.Read(ref _debugger) is { } debugger)
            await debugger.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Ends the machine, or the empty process, for a reason that comes from outside the protocol.</summary>
    public async Task EndAsync(MachineExit exit)
    {
        if (Machine is { } machine)
            await Task.Run(() => machine.End(exit)).ConfigureAwait(false);
        else
            Finish(exit, null);
    }

    /// <inheritdoc/>
    public void Dispose() => _mutation.Dispose();

    private Func<HttpContext, Task> FindHandler(HttpRequest request)
    {
        var path = request.Path.Value ?? string.Empty;
        if (_routes.TryGetValue((request.Method, path), out var handler))
            return handler;
        if (FindVcpuHandler(request.Method, path) is { } vcpuHandler)
            return vcpuHandler;
        throw ControlException.NotFound($"There is no call {request.Method} {path}.");
    }

    private GuestMachine RequireMachine() =>
        Machine ?? throw ControlException.InvalidState("No machine is configured.");

    private Task MutateAsync(HttpContext context, Action<GuestMachine> action) =>
        MutateAsync(context, call =>
        {
            var machine = RequireMachine();
            return Task.Run(() => action(machine), call.RequestAborted);
        });

    /// <summary>Runs a mutating call: one at a time, and only for the holder of the highest epoch.</summary>
    private async Task MutateAsync(HttpContext context, Func<HttpContext, Task> action)
    {
        var epoch = context.Request.Epoch();
        _fence.Admit(epoch);
        await _mutation.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        try
        {
            _fence.Admit(epoch); // someone newer may have come while this call waited
            await action(context).ConfigureAwait(false);
            Log.CallDone(_logger, context.Request.Method, context.Request.Path, epoch);
        }
        finally
        {
            _mutation.Release();
        }

        await AnswerStatusAsync(context).ConfigureAwait(false);
    }

    private async Task ConfigureAsync(HttpContext context)
    {
        var definition = await context.Request.ReadJsonAsync(ControlJsonContext.Default.MachineDefinition).ConfigureAwait(false);
        if (Machine is not null)
            throw ControlException.InvalidState("This process has its machine already; each runs one.");
        definition = definition with { ConsoleLogPath = definition.ConsoleLogPath ?? _options.ConsoleLogPath };
        var machine = await Task.Run(() => GuestMachine.Create(definition, _time), context.RequestAborted).ConfigureAwait(false);
        _exitRecord.Path = definition.ExitRecordPath ?? _exitRecord.Path;
        machine.DeviceReported += e => Log.DeviceReported(_logger, e.Device, e.Message);
        StartDebugger(machine, definition.DebuggerSocketPath);
        Log.HostBooted(_logger, definition.HostProfile.Name, machine.HostReport);
        Volatile.Write(ref _machine, machine);
        _ = FinishWhenEndedAsync(machine);
    }

    /// <summary>
    /// Stops without waiting for other calls, since it is the way out when one of them hangs. A forced stop ends the process even if a
    /// vCPU never reaches a safe point.
    /// </summary>
    private async Task StopAsync(HttpContext context)
    {
        _fence.Admit(context.Request.Epoch());
        var request = context.Request.ContentLength is > 0
            ? await context.Request.ReadJsonAsync(ControlJsonContext.Default.StopRequest).ConfigureAwait(false)
            : new StopRequest();
        var exit = new MachineExit(MachineExitReason.Stopped, null);
        var ending = EndAsync(exit);
        if (request.Force)
        {
            await Task.WhenAny(ending, Task.Delay(ForcedStopGrace, _time, CancellationToken.None)).ConfigureAwait(false);
            if (!ending.IsCompleted)
                Finish(exit with { Detail = "A vCPU did not reach a safe point in time." }, null);
        }
        else
        {
            await ending.ConfigureAwait(false);
        }

        await AnswerStatusAsync(context).ConfigureAwait(false);
    }

    private async Task FinishWhenEndedAsync(GuestMachine machine)
    {
        var exit = await machine.Ended.ConfigureAwait(false);
        Finish(exit, machine);
    }

    private void Finish(MachineExit exit, GuestMachine? machine)
    {
        Log.Ended(_logger, exit.Reason, exit.Detail);
        try
        {
            _exitRecord.Write(exit, machine, Epoch);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.ExitRecordFailed(_logger, e);
        }

        _ended.TrySetResult(exit);
    }

    private static readonly TimeSpan ForcedStopGrace = TimeSpan.FromSeconds(2);
}
