using System.Text.Json;

namespace CloudVm.Contracts.Events;

/// <summary>Something that happened, in the order of its commit.</summary>
public sealed record EventRecord
{
    /// <summary>Where the stream resumes after this event; opaque, sent as the SSE <c>id</c>.</summary>
    public required string Position { get; init; }

    /// <summary>One of <see cref="EventTypes"/>.</summary>
    public required string Type { get; init; }

    public required DateTimeOffset At { get; init; }

    public required ResourceReference Resource { get; init; }

    public required string Project { get; init; }

    /// <summary>The resource after the change, or what the type says.</summary>
    public JsonElement? Data { get; init; }
}

/// <summary>The types of events.</summary>
public static class EventTypes
{
    public const string VmCreated = "vm.created";
    public const string VmUpdated = "vm.updated";
    public const string VmStatusChanged = "vm.statusChanged";
    public const string VmDeleted = "vm.deleted";

    /// <summary>A stop has ended; the data is a <see cref="Vms.StopVmResult"/>.</summary>
    public const string VmStopped = "vm.stopped";

    /// <summary>A virtual device reports something, such as a driver that broke its queue; the data is a <see cref="Control.DeviceEvent"/>.</summary>
    public const string VmDeviceEvent = "vm.deviceEvent";

    /// <summary>Somebody wrote registers of a paused guest; the data is a <see cref="Vms.VcpuRegistersWritten"/>.</summary>
    public const string VmRegistersWritten = "vm.registersWritten";

    /// <summary>Somebody opened the VM's door for debuggers; the data is a <see cref="Vms.VmDebuggerChange"/>.</summary>
    public const string VmDebuggerOpened = "vm.debuggerOpened";

    /// <summary>Somebody closed it; the data is a <see cref="Vms.VmDebuggerChange"/>.</summary>
    public const string VmDebuggerClosed = "vm.debuggerClosed";
    public const string OperationCreated = "operation.created";
    public const string OperationProgress = "operation.progress";
    public const string OperationDone = "operation.done";
    public const string SnapshotCreated = "snapshot.created";
    public const string SnapshotReady = "snapshot.ready";
    public const string SnapshotFailed = "snapshot.failed";
    public const string SnapshotUpdated = "snapshot.updated";
    public const string SnapshotDeleted = "snapshot.deleted";
    public const string ScheduleCreated = "schedule.created";
    public const string ScheduleUpdated = "schedule.updated";
    public const string ScheduleDeleted = "schedule.deleted";
    public const string ScheduleRan = "schedule.ran";
    public const string ImageCreated = "image.created";
    public const string ImageDeleted = "image.deleted";
    public const string HostProfileCreated = "hostProfile.created";
    public const string HostProfileDeleted = "hostProfile.deleted";
    public const string NodeRegistered = "node.registered";
    public const string NodeHeartbeat = "node.heartbeat";
    public const string NodeUpdated = "node.updated";

    /// <summary>Not an event: says that the stream is alive and how far it has come.</summary>
    public const string Bookmark = "bookmark";
}
