namespace CloudVm.Storage.Notifications;

/// <summary>The channels on which the database's triggers notify.</summary>
public static class DatabaseChannels
{
    /// <summary>There is work; the payload is a VM's id, or empty for work that concerns no VM.</summary>
    public const string Work = "cloudvm_work";

    /// <summary>An operation changed; the payload is its id.</summary>
    public const string Operations = "cloudvm_operations";

    /// <summary>The outbox got events that have no position yet.</summary>
    public const string Events = "cloudvm_events";

    /// <summary>Events got their positions; the payload is the highest.</summary>
    public const string Positions = "cloudvm_positions";

    /// <summary>A snapshot schedule's definition changed; the payload is its id.</summary>
    public const string Schedules = "cloudvm_schedules";
}
