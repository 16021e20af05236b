namespace CloudVm.Contracts.Client;

/// <summary>
/// The REST API, typed. Every call throws <see cref="CloudVmApiException"/> when the API refuses it and
/// <see cref="HttpRequestException"/> when it cannot be reached.
/// </summary>
/// <remarks>Thread: any. Its <see cref="HttpClient"/> belongs to the caller, who sets the base address and the credentials.</remarks>
public sealed class CloudVmClient
{
    private readonly ApiTransport _transport;

    /// <param name="http">Base address is the API's root, such as <c>http://127.0.0.1:7400/</c>; carries the bearer token.</param>
    /// <param name="timeProvider">Paces reconnects of <see cref="EventsClient.FollowAsync"/>.</param>
    public CloudVmClient(HttpClient http, TimeProvider? timeProvider = null)
    {
        _transport = new ApiTransport(http);
        Access = new AccessClient(_transport);
        Vms = new VmsClient(_transport);
        Operations = new OperationsClient(_transport);
        Snapshots = new SnapshotsClient(_transport);
        Schedules = new SchedulesClient(_transport);
        Images = new ImagesClient(_transport);
        HostProfiles = new HostProfilesClient(_transport);
        Nodes = new NodesClient(_transport);
        Events = new EventsClient(_transport, timeProvider ?? TimeProvider.System);
    }

    public AccessClient Access { get; }

    public VmsClient Vms { get; }

    public OperationsClient Operations { get; }

    public SnapshotsClient Snapshots { get; }

    public SchedulesClient Schedules { get; }

    public ImagesClient Images { get; }

    public HostProfilesClient HostProfiles { get; }

    public NodesClient Nodes { get; }

    public EventsClient Events { get; }

    public Task<Capabilities> GetCapabilitiesAsync(CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Capabilities>("capabilities", cancellationToken);
}
