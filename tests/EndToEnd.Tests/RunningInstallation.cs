using CloudVm.Contracts.Client;
using CloudVm.Testing;

[assembly: AssemblyFixture(typeof(CloudVm.EndToEnd.Tests.RunningInstallation))]

namespace CloudVm.EndToEnd.Tests;

/// <summary>One started CloudVm that all tests of this assembly share; each makes VMs of its own in it.</summary>
/// <remarks>Tests that kill processes start an <see cref="Installation"/> of their own instead.</remarks>
public sealed class RunningInstallation : IAsyncLifetime
{
    private HttpClient? _http;

    /// <summary>The installation, for its addresses and for commands of the launcher.</summary>
    public Installation Installation { get; private set; } = null!;

    /// <summary>The API, signed in as an administrator.</summary>
    public CloudVmClient Api { get; private set; } = null!;

    /// <summary>The same as <see cref="Api"/>, for requests that the typed client does not make.</summary>
    public HttpClient Http => _http!;

    public async ValueTask InitializeAsync()
    {
        Installation = await Installation.CreateAsync();
        await Installation.UpAsync();
        _http = await Installation.NewApiClientAsync();
        Api = new CloudVmClient(_http);
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        await Installation.DisposeAsync();
    }
}
