using CloudVm.Contracts.Schedules;

namespace CloudVm.Web.Components.Pages.Vms.Schedules;

/// <summary>A snapshot schedule while somebody fills it in.</summary>
public sealed class ScheduleDraft
{
    public string Name { get; set; } = "nightly";

    public string Cron { get; set; } = "0 2 * * *";

    public string TimeZone { get; set; } = "UTC";

    public int KeepLast { get; set; } = 7;

    public int? KeepDaily { get; set; }

    public MissedRunPolicy MissedRunPolicy { get; set; } = MissedRunPolicy.RunOnce;

    public bool Enabled { get; set; } = true;

    /// <summary>The schedule as it is.</summary>
    public static ScheduleDraft From(SnapshotSchedule schedule) => new()
    {
        Name = schedule.Name,
        Cron = schedule.Cron,
        TimeZone = schedule.TimeZone,
        KeepLast = schedule.KeepLast,
        KeepDaily = schedule.KeepDaily,
        MissedRunPolicy = schedule.MissedRunPolicy,
        Enabled = schedule.Enabled,
    };

    /// <summary>What is sent to the API.</summary>
    public ScheduleDefinition ToDefinition() => new()
    {
        Name = Name.Trim(),
        Cron = Cron.Trim(),
        TimeZone = TimeZone.Trim(),
        KeepLast = KeepLast,
        KeepDaily = KeepDaily,
        MissedRunPolicy = MissedRunPolicy,
        Enabled = Enabled,
    };
}
