using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Contracts.Control;

/// <summary>What the machine of a Hypervisor process is doing.</summary>
public enum MachineState
{
    /// <summary>No definition yet: a process of the warm pool.</summary>
    Idle = 0,

    /// <summary>Defined, never started.</summary>
    Configured = 1,

    /// <summary>vCPUs run.</summary>
    Running = 2,

    /// <summary>vCPUs stand at safe points; virtual time stands still.</summary>
    Paused = 3,

    /// <summary>Memory was cleared for a restore; only chunks, state, begin again and stop are accepted.</summary>
    Restoring = 4,

    /// <summary>Ended; the process writes its exit record and goes away.</summary>
    Exited = 5,
}

/// <summary>Why a machine ended.</summary>
public enum MachineExitReason
{
    /// <summary>The guest switched itself off (PSCI SYSTEM_OFF, or its last CPU went off).</summary>
    GuestOff = 1,

    /// <summary>Stopped by a control call.</summary>
    Stopped = 2,

    /// <summary>The process received SIGTERM or SIGINT.</summary>
    Terminated = 3,

    /// <summary>The guest reset itself over and over without printing or idling in between.</summary>
    GuestResetLoop = 4,

    /// <summary>The emulator failed; the record's detail says how.</summary>
    Crashed = 5,

    /// <summary>The guest did what KVM would report as a failed entry or an internal error.</summary>
    GuestError = 6,
}

/// <summary>Answer of <c>GET /hello</c>: identifies the process beyond its PID.</summary>
/// <param name="ProtocolVersion"><see cref="ControlProtocol.Version"/> of the server.</param>
/// <param name="ProcessId">PID in the server's namespace.</param>
/// <param name="ProcessStartTime">Field 22 of <c>/proc/PID/stat</c> (clock ticks since boot): with the PID, names the process for ever.</param>
/// <param name="BuildId">Identity of the published build.</param>
/// <param name="VmId">The configured VM, or null in a warm-pool process.</param>
/// <param name="Epoch">Highest lease epoch seen, 0 at first.</param>
public sealed record HelloResponse(
    int ProtocolVersion, int ProcessId, long ProcessStartTime, string BuildId, Guid? VmId, long Epoch, MachineState State);

/// <summary>Answer of <c>GET /status</c> and of every lifecycle call.</summary>
/// <param name="State">What the machine does now.</param>
/// <param name="ExitReason">Set in state <see cref="MachineState.Exited"/>.</param>
/// <param name="ExitDetail">Human-readable detail of the exit.</param>
/// <param name="VcpuCount">Number of vCPUs; 0 before configuration.</param>
/// <param name="OnlineVcpus">vCPUs that PSCI reports on.</param>
/// <param name="VirtualTimeMs">Virtual time that the guest has lived, in milliseconds: pauses excluded, restored with state.</param>
/// <param name="RetiredInstructions">Guest instructions retired by all vCPUs.</param>
/// <param name="ConsoleOffset">Bytes of console output in the viewers' timeline, which a restore rewinds.</param>
/// <param name="ConsoleLogBytes">Bytes in the stored log file, which only grows.</param>
/// <param name="Resets">Resets since the process started, by the guest or by control calls.</param>
public sealed record MachineStatus(
    MachineState State,
    MachineExitReason? ExitReason,
    string? ExitDetail,
    int VcpuCount,
    int OnlineVcpus,
    long VirtualTimeMs,
    ulong RetiredInstructions,
    long ConsoleOffset,
    long ConsoleLogBytes,
    long Resets)
{
    /// <summary>
    /// Whether the guest has set itself up to be asked to shut down: it lets the power button interrupt it, or has opened the agent's
    /// console port. False while it boots and for a guest that knows neither.
    /// </summary>
    public bool ListensForShutdown { get; init; }

    /// <summary>Number of the latest <see cref="DeviceEvent"/>; 0 when there was none.</summary>
    public long LastDeviceEvent { get; init; }

    /// <summary>The machine's GDB server; null before configuration.</summary>
    public DebuggerStatus? Debugger { get; init; }

    /// <summary>What the emulated host found when it booted; null before configuration.</summary>
    public HostVectorLengths? Host { get; init; }
}

/// <summary>A machine's GDB server.</summary>
/// <param name="Attached">A debugger is connected.</param>
/// <param name="Stopped">It holds the machine still, whose <see cref="MachineStatus.State"/> stays what its owner made it.</param>
/// <param name="Address">Where the TCP door is open: a loopback address; null while it is closed.</param>
/// <param name="Port">The door's port; null while it is closed.</param>
public sealed record DebuggerStatus(bool Attached, bool Stopped, string? Address, int? Port);

/// <summary>The vector lengths of an emulated host, as its boot probed and committed them. All are in bits, ascending.</summary>
/// <param name="Cpus">Per CPU what probing found; empty without SVE.</param>
/// <param name="Common">What every CPU has (the kernel's <c>vq_map</c>).</param>
/// <param name="Partial">What only some CPUs have (<c>vq_partial_map</c> without the common ones).</param>
/// <param name="MaximumVirtualisable">
/// The kernel's bound for guests. It is arithmetic, so it need not be a length that a CPU has; guests get the common lengths up to it.
/// </param>
/// <param name="Policy">What guests get where CPUs differ.</param>
/// <param name="Guests">What vCPUs may be given; empty where KVM offers no SVE.</param>
public sealed record HostVectorLengths(
    IReadOnlyList<IReadOnlyList<int>> Cpus,
    IReadOnlyList<int> Common,
    IReadOnlyList<int> Partial,
    int MaximumVirtualisable,
    VectorLengthPolicy Policy,
    IReadOnlyList<int> Guests);

/// <summary>Body of <c>POST /stop</c>.</summary>
/// <param name="Force">True ends at once; false lets the vCPUs reach safe points first.</param>
public sealed record StopRequest(bool Force = false);

/// <summary>Body of <c>POST /console/marker</c>: a line for the stored log only, such as <c>restored from snapshot nightly-3</c>.</summary>
public sealed record ConsoleMarkerRequest(string Text);

/// <summary>
/// Written to <see cref="MachineDefinition.ExitRecordPath"/> (or <c>--exit-record</c>) when the process ends in an orderly way or by
/// an unhandled failure. A dead process without a record was killed.
/// </summary>
public sealed record ExitRecord(
    int FormatVersion,
    Guid? VmId,
    int ProcessId,
    long ProcessStartTime,
    MachineExitReason Reason,
    string? Detail,
    DateTimeOffset Time,
    long Epoch,
    long ConsoleOffset,
    long ConsoleLogBytes,
    MachineCounters? Counters);
