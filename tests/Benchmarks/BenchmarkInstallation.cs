using CloudVm.Contracts.Client;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Testing;

namespace CloudVm.Benchmarks;

/// <summary>A CloudVm of the benchmark's own, so that nobody's VMs are touched and nothing else runs in it.</summary>
internal sealed class BenchmarkInstallation : IAsyncDisposable
{
    private readonly HttpClient _http;

    private BenchmarkInstallation(Installation installation, HttpClient http)
    {
        Installation = installation;
        _http = http;
        Api = new CloudVmClient(http);
    }

    public Installation Installation { get; }

    public CloudVmClient Api { get; }

    /// <summary>The <c>Authorization</c> header's value.</summary>
    public string Authorization => _http.DefaultRequestHeaders.Authorization!.ToString();

    public static async Task<BenchmarkInstallation> StartAsync(CancellationToken cancellationToken)
    {
        Installation installation = await Installation.CreateAsync();
        try
        {
            await installation.UpAsync(cancellationToken);
            return new BenchmarkInstallation(installation, await installation.NewApiClientAsync(cancellationToken));
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    /// <summary>A hello-sve VM of one CPU and 64 MiB.</summary>
    public static VmDefinition Definition(string name) => new() { Name = name, Image = "hello-sve", MemoryMiB = 64 };

    /// <summary>Waits for an operation's end.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public async Task<Operation> EndOfAsync(Operation started, CancellationToken cancellationToken)
    {
        Operation ended = await Api.Operations.WaitForEndAsync(started.Id, cancellationToken);
        return ended.State == OperationState.Succeeded
            ? ended
            : throw new InvalidOperationException($"{ended.Kind} of {ended.Target.Name} ended {ended.State}: {ended.Problem?.Title} {ended.Problem?.Detail}");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Installation.DisposeAsync();
    }
}
