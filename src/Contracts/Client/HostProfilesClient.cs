using CloudVm.Contracts.HostProfiles;

namespace CloudVm.Contracts.Client;

/// <summary><c>/host-profiles</c></summary>
public sealed class HostProfilesClient
{
    private readonly ApiTransport _transport;

    internal HostProfilesClient(ApiTransport transport) => _transport = transport;

    public Task<Page<HostProfile>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<HostProfile>>("host-profiles".WithQuery(query), cancellationToken);

    public Task<HostProfile> GetAsync(string name, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<HostProfile>($"host-profiles/{Uri.EscapeDataString(name)}", cancellationToken);

    public Task<HostProfile> CreateAsync(
        HostProfileDefinition definition, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<HostProfile>(HttpMethod.Post, "host-profiles", definition, options, cancellationToken);

    public Task DeleteAsync(string name, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync(HttpMethod.Delete, $"host-profiles/{Uri.EscapeDataString(name)}", options, cancellationToken);

    /// <summary>Reads a <c>-cpu</c> option of QEMU's. A refusal names every reason, first the one that QEMU gives.</summary>
    public Task<ParsedCpuOption> ParseAsync(ParseCpuOptionRequest request, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<ParsedCpuOption>(HttpMethod.Post, "host-profiles:parse", request, options: null, cancellationToken);
}
