using CloudVm.Contracts.Schedules;

namespace CloudVm.Contracts.Client;

/// <summary><c>/vms/{id}/snapshot-schedules</c> and <c>/snapshot-schedules</c></summary>
public sealed class SchedulesClient
{
    private readonly ApiTransport _transport;

    internal SchedulesClient(ApiTransport transport) => _transport = transport;

    public Task<Page<SnapshotSchedule>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<SnapshotSchedule>>("snapshot-schedules".WithQuery(query), cancellationToken);

    public Task<Page<SnapshotSchedule>> ListOfVmAsync(Guid vmId, ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<SnapshotSchedule>>($"vms/{vmId}/snapshot-schedules".WithQuery(query), cancellationToken);

    public Task<SnapshotSchedule> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<SnapshotSchedule>($"snapshot-schedules/{id}", cancellationToken);

    public Task<SnapshotSchedule> CreateAsync(
        Guid vmId, ScheduleDefinition definition, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<SnapshotSchedule>(
            HttpMethod.Post, $"vms/{vmId}/snapshot-schedules", definition, options, cancellationToken);

    /// <summary>Replaces the schedule; <see cref="ChangeOptions.IfMatch"/> is required.</summary>
    public Task<SnapshotSchedule> ReplaceAsync(
        Guid id, ScheduleDefinition definition, ChangeOptions options, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<SnapshotSchedule>(HttpMethod.Put, $"snapshot-schedules/{id}", definition, options, cancellationToken);

    /// <summary>Changes what the patch names; <see cref="ChangeOptions.IfMatch"/> is required.</summary>
    public Task<SnapshotSchedule> PatchAsync(
        Guid id, SchedulePatch patch, ChangeOptions options, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<SnapshotSchedule>(HttpMethod.Patch, $"snapshot-schedules/{id}", patch, options, cancellationToken);

    public Task DeleteAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync(HttpMethod.Delete, $"snapshot-schedules/{id}", options, cancellationToken);

    public Task<Page<ScheduleRun>> ListRunsAsync(Guid id, ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<ScheduleRun>>($"snapshot-schedules/{id}/runs".WithQuery(query), cancellationToken);
}
