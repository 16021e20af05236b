using System.Globalization;
using System.Text.Json;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Nodes;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;

namespace CloudVm.Web.Components.Shared;

/// <summary>How values of the API read on a page.</summary>
public static class Text
{
    private static readonly HashSet<string> Acronyms =
        new(["sve", "fp", "mmio", "vl", "vm", "tlb", "irq", "wfi", "wfe", "hvc", "smc", "psci", "gic", "uart", "pc", "cpu"], StringComparer.OrdinalIgnoreCase);

    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    public static string Of(OperationKind kind) => kind switch
    {
        OperationKind.VmStart => "Start",
        OperationKind.VmStop => "Stop",
        OperationKind.VmPause => "Pause",
        OperationKind.VmResume => "Resume",
        OperationKind.VmReset => "Reset",
        OperationKind.VmSnapshot => "Snapshot",
        OperationKind.VmRestore => "Restore",
        OperationKind.VmFork => "Fork",
        OperationKind.VmDelete => "Delete VM",
        OperationKind.SnapshotDelete => "Delete snapshot",
        OperationKind.SnapshotVerify => "Verify snapshot",
        OperationKind.SnapshotRestore => "Restore to a new VM",
        _ => Words(kind.ToString()),
    };

    public static string Of(ImageKind kind) => kind switch
    {
        ImageKind.Elf => "ELF executable",
        ImageKind.Flat => "Flat binary",
        ImageKind.Image => "Linux Image",
        ImageKind.LinuxBundle => "Linux bundle",
        ImageKind.Disk => "Disk",
        _ => Words(kind.ToString()),
    };

    public static string Of(VmExitReason reason) => reason switch
    {
        VmExitReason.GuestPowerOff => "The guest powered itself off",
        VmExitReason.Stopped => "It was stopped",
        VmExitReason.GuestFailure => "The guest could not go on",
        VmExitReason.HypervisorCrash => "The hypervisor process ended without saying why",
        VmExitReason.HypervisorKilled => "The hypervisor process was killed",
        VmExitReason.Forced => "It was forced to stop",
        VmExitReason.StartFailure => "The guest could not be started",
        _ => Words(reason.ToString()),
    };

    /// <summary>How a stop went: whether the guest shut down by itself or was forced, and why.</summary>
    public static string Of(StopVmResult result) => result.Outcome == StopOutcome.Forced ? $"Forced. {result.Detail}" : result.Detail;

    /// <summary>The result of a <c>:stop</c> that has succeeded; null for other operations.</summary>
    public static StopVmResult? StopResultOf(Operation operation) =>
        operation is { Kind: OperationKind.VmStop, State: OperationState.Succeeded, Result: { } result }
            ? result.Deserialize<StopVmResult>(CloudVmJson.Options)
            : null;

    public static string Of(MissedRunPolicy policy) => policy switch
    {
        MissedRunPolicy.Skip => "Skip missed runs",
        MissedRunPolicy.RunOnce => "Run once after a gap",
        _ => Words(policy.ToString()),
    };

    public static string Of(VmNetwork network) => network switch
    {
        VmNetwork.None => "Not connected",
        VmNetwork.Passt => "Outgoing, shared address (passt)",
        _ => Words(network.ToString()),
    };

    public static string Of(RestartPolicy policy) => policy switch
    {
        RestartPolicy.Never => "Never",
        RestartPolicy.OnFailure => "After a failure",
        _ => Words(policy.ToString()),
    };

    /// <summary>CSS tone of a VM's phase.</summary>
    public static string ToneOf(VmPhase phase) => phase switch
    {
        VmPhase.Running => "good",
        VmPhase.Paused => "warn",
        VmPhase.Crashed => "bad",
        VmPhase.Starting or VmPhase.Stopping or VmPhase.Restoring => "busy",
        _ => "",
    };

    /// <summary>CSS tone of an operation's state.</summary>
    public static string ToneOf(OperationState state) => state switch
    {
        OperationState.Succeeded => "good",
        OperationState.Failed => "bad",
        OperationState.Cancelled => "",
        _ => "busy",
    };

    /// <summary>CSS tone of a snapshot's state.</summary>
    public static string ToneOf(SnapshotState state) => state switch
    {
        SnapshotState.Ready => "good",
        SnapshotState.Failed => "bad",
        _ => "busy",
    };

    /// <summary>CSS tone of a schedule run's outcome.</summary>
    public static string ToneOf(ScheduleRunOutcome outcome) => outcome switch
    {
        ScheduleRunOutcome.Succeeded => "good",
        ScheduleRunOutcome.Failed => "bad",
        ScheduleRunOutcome.Skipped => "warn",
        _ => "busy",
    };

    /// <summary>CSS tone of a node's state.</summary>
    public static string ToneOf(NodeState state) => state switch
    {
        NodeState.Ready => "good",
        NodeState.Cordoned => "warn",
        _ => "bad",
    };

    /// <summary>
    /// A camel-case or Pascal-case name as words: <c>savingMemory</c> reads “Saving memory”, and what follows a point belongs to what is
    /// before it: <c>exits.dataAbort</c> reads “Exits: data abort”.
    /// </summary>
    public static string Words(string name)
    {
        if (name.Length == 0)
            return name;
        var text = string.Join(": ", name.Split('.').Select(LowerWords));
        return char.ToUpperInvariant(text[0]) + text[1..];
    }

    private static string LowerWords(string name) => string.Join(' ',
        string.Concat(name.Select((c, i) => !char.IsUpper(c) || (i > 0 && char.IsUpper(name[i - 1])) ? $"{c}" : $"{(i > 0 ? " " : "")}{char.ToLowerInvariant(c)}"))
            .Split(' ')
            .Select(word => Acronyms.Contains(word) ? word.ToUpperInvariant() : word));

    /// <summary>A size with a binary unit and at most one decimal.</summary>
    public static string Bytes(long bytes)
    {
        var value = (double)bytes;
        var unit = 0;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return $"{value.ToString(value >= 100 || unit == 0 ? "0" : "0.#", CultureInfo.InvariantCulture)} {Units[unit]}";
    }

    /// <summary>Memory in MiB, or in GiB where little is lost by that.</summary>
    public static string Memory(int mib) => mib >= 8192 || (mib >= 1024 && mib % 512 == 0)
        ? $"{(mib / 1024.0).ToString("0.#", CultureInfo.InvariantCulture)} GiB"
        : $"{mib.ToString(CultureInfo.InvariantCulture)} MiB";

    /// <summary>A count with thin spaces between thousands.</summary>
    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture).Replace(',', '\u202f');

    /// <summary>A moment as UTC.</summary>
    public static string Utc(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    /// <summary>How long before <paramref name="now"/> something was, or how long after it will be.</summary>
    public static string Relative(DateTimeOffset at, DateTimeOffset now)
    {
        var span = now - at;
        var ahead = span < TimeSpan.Zero;
        span = span.Duration();
        if (span < TimeSpan.FromSeconds(5))
            return ahead ? "in a moment" : "just now";
        var text = Duration(span);
        return ahead ? $"in {text}" : $"{text} ago";
    }

    /// <summary>A span in its largest unit.</summary>
    public static string Duration(TimeSpan span) => span switch
    {
        { TotalSeconds: < 60 } => $"{(int)span.TotalSeconds} s",
        { TotalMinutes: < 60 } => $"{(int)span.TotalMinutes} min",
        { TotalHours: < 48 } => $"{(int)span.TotalHours} h",
        _ => $"{(int)span.TotalDays} days",
    };

    /// <summary>A set of vector lengths in one line.</summary>
    public static string Lengths(IReadOnlyList<int>? bits) => bits is not { Count: > 0 } ? "none" : string.Join(", ", bits) + " bits";
}
