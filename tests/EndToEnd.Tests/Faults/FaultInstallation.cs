using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Testing;
using Npgsql;

namespace CloudVm.EndToEnd.Tests.Faults;

/// <summary>An installation whose processes are killed: calls are repeated until they are answered, as a patient client's are.</summary>
public sealed partial class FaultInstallation : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly string _runDirectory = "/tmp/cvf-" + Guid.NewGuid().ToString("N")[..8];
    private HttpClient? _http;

    public Installation Installation { get; private set; } = null!;

    public CloudVmClient Api { get; private set; } = null!;

    public string Token { get; private set; } = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Installation = await Installation.CreateAsync(environment: new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["CLOUDVM_RUN_DIR"] = _runDirectory,
            ["CLOUDVM_GC_SECONDS"] = "2",
        });
        await Installation.UpAsync();
        Token = await Installation.NewTokenAsync();
        _http = new HttpClient
        {
            BaseAddress = Installation.ApiUrl,
            Timeout = TimeSpan.FromSeconds(30),
            DefaultRequestHeaders = { { "Authorization", "Bearer " + Token } },
        };
        Api = new CloudVmClient(_http);
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        await Installation.DisposeAsync();
    }

    /// <summary>Creates a hello-sve VM and waits for its prompt.</summary>
    public async Task<Guid> StartVmAsync(string name)
    {
        Vm vm = await Api.Vms.CreateAsync(new VmDefinition { Name = name, Image = "hello-sve", MemoryMiB = 64 }, cancellationToken: Cancellation);
        Operation ended = await EndOfAsync((await Api.Vms.StartAsync(vm.Id, cancellationToken: Cancellation)).Id);
        Assert.True(ended.State == OperationState.Succeeded, $"{ended.Kind} ended {ended.State}: {ended.Problem?.Detail}");
        await UntilAsync(
            async () => (await Api.Vms.GetConsoleLogAsync(vm.Id, cancellationToken: Cancellation)).Contains("\n> ", StringComparison.Ordinal), "the guest's prompt");
        return vm.Id;
    }

    /// <summary>The operation once it has ended, however often the Api is away meanwhile.</summary>
    public async Task<Operation> EndOfAsync(Guid operation)
    {
        Operation? seen = null;
        await UntilAsync(
            async () => (seen = await Api.Operations.WaitAsync(operation, TimeSpan.FromSeconds(5), Cancellation)).Done,
            $"operation {operation}", () => $"{seen?.Kind} {seen?.State} {seen?.Phase}");
        return seen!;
    }

    /// <summary>The VM, read when the Api answers.</summary>
    public async Task<Vm> GetVmAsync(Guid id)
    {
        Vm? vm = null;
        await UntilAsync(
            async () =>
            {
                vm = await Api.Vms.GetAsync(id, Cancellation);
                return true;
            },
            "the VM");
        return vm!;
    }

    /// <summary>Timer interrupts that the guest has counted, asked at its own prompt.</summary>
    public async Task<long> TicksAsync(Guid vm)
    {
        long ticks = -1;
        await UntilAsync(
            async () =>
            {
                await using GuestConsole console = await GuestConsole.AttachAsync(Installation, vm, Token, Cancellation);
                Match counted = TickCount().Match(await console.RunAsync("ticks", Cancellation));
                ticks = counted.Success ? long.Parse(counted.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : -1;
                return counted.Success;
            },
            "the guest's tick count");
        return ticks;
    }

    /// <summary>Kills one process, at once and without its knowledge.</summary>
    public static void Kill(int processId)
    {
        try
        {
            using Process process = Process.GetProcessById(processId);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // It has ended by itself in this very moment.
        }
    }

    /// <summary>A number from the installation's own database.</summary>
    public async Task<long> ScalarAsync(string sql)
    {
        long value = 0;
        await UntilAsync(
            async () =>
            {
                await using NpgsqlConnection connection = new(await ConnectionStringAsync());
                await connection.OpenAsync(Cancellation);
                await using NpgsqlCommand command = new(sql, connection);
                value = Convert.ToInt64(await command.ExecuteScalarAsync(Cancellation), System.Globalization.CultureInfo.InvariantCulture);
                return true;
            },
            sql);
        return value;
    }

    /// <summary>Repeats until the condition holds; what fails because a process is away is repeated too.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, Func<string>? state = null)
    {
        long began = TimeProvider.System.GetTimestamp();
        Exception? last = null;
        while (true)
        {
            try
            {
                if (await condition())
                    return;
            }
            catch (Exception away) when (IsAway(away) && !Cancellation.IsCancellationRequested)
            {
                last = away;
            }

            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, $"Waited in vain for {what}: {state?.Invoke()} {last?.Message}");
            await Task.Delay(100, Cancellation);
        }
    }

    private static bool IsAway(Exception exception) => exception switch
    {
        CloudVmApiException refused => (HttpStatusCode)refused.Problem.Status
            is HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout,
        _ => exception is HttpRequestException or NpgsqlException or TaskCanceledException or System.Net.WebSockets.WebSocketException
            or TimeoutException or InvalidOperationException or IOException,
    };

    private async Task<string> ConnectionStringAsync()
    {
        const string key = "CLOUDVM_DATABASE=";
        string line = (await File.ReadAllLinesAsync(Path.Combine(_runDirectory, "instance.env"), Cancellation))
            .Single(l => l.StartsWith(key, StringComparison.Ordinal));
        // The launcher quotes for the shell.
        return new NpgsqlConnectionStringBuilder(line[key.Length..].Replace("\\", "", StringComparison.Ordinal)) { Pooling = false }.ConnectionString;
    }

    [GeneratedRegex(@"ticks (\d+) ")]
    private static partial Regex TickCount();
}
