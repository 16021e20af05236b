using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Serialization;
using CloudVm.Worker.Nodes;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.NodeApi;

/// <summary>The node's own HTTP API, for the Api only: what concerns a guest that lives here.</summary>
internal static class NodeEndpoints
{
    public static void MapNodeApi(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => Results.Text("ok"));
        routes.MapGet("/readyz", (NodeHeartbeat heartbeat) => heartbeat.IsConnected
            ? Results.Text("ready")
            : Results.Text("the database does not answer", statusCode: StatusCodes.Status503ServiceUnavailable));

        RouteGroupBuilder vms = routes.MapGroup("/vms/{id:guid}").AddEndpointFilter<NodeAuthentication>();
        vms.MapGet("/console", ConsoleRelay.HandleAsync);
        vms.MapGet("/console/log", ConsoleLog.Handle);
        vms.MapVcpus();
        vms.MapGet("/counters", (Guid id, VmProcesses processes, TimeProvider time, CancellationToken ct) =>
            GuestCall.RunAsync(id, processes, async client =>
                Results.Json(InspectionMapping.ToContract(await client.CountersAsync(ct).ConfigureAwait(false), time.GetUtcNow()), CloudVmJson.Options)));
        vms.MapGet("/memory", ReadMemoryAsync);
        vms.MapGet("/debugger", (Guid id, VmProcesses processes, CancellationToken ct) =>
            DebugAsync(id, processes, client => client.StatusAsync(ct)));
        vms.MapPut("/debugger", (Guid id, VmProcesses processes, CancellationToken ct) =>
            DebugAsync(id, processes, client => client.OpenDebuggerAsync(ct)));
        vms.MapDelete("/debugger", (Guid id, VmProcesses processes, CancellationToken ct) =>
            DebugAsync(id, processes, client => client.CloseDebuggerAsync(ct)));
    }

    /// <summary>Answers with the state of the VM's debugger after <paramref name="ask"/>.</summary>
    private static Task<IResult> DebugAsync(Guid id, VmProcesses processes, Func<HypervisorClient, Task<MachineStatus>> ask) =>
        GuestCall.RunAsync(id, processes, async client =>
        {
            MachineStatus status = await ask(client).ConfigureAwait(false);
            return status.Debugger is { } debugger
                ? Results.Json(InspectionMapping.ToContract(debugger), CloudVmJson.Options)
                : NodeProblems.NoGuest();
        });

    private static Task<IResult> ReadMemoryAsync(Guid id, string? gpa, int? length, VmProcesses processes, CancellationToken ct)
    {
        if (gpa is null || !TryParseAddress(gpa, out ulong address))
            return Task.FromResult(NodeProblems.Invalid("?gpa", "Give a guest physical address, decimal or 0x…, as gpa."));
        if (length is not (>= 1 and <= ControlProtocol.MaxMemoryBytes))
            return Task.FromResult(NodeProblems.Invalid("?length", $"Give a length of 1 to {ControlProtocol.MaxMemoryBytes} bytes."));
        return GuestCall.RunAsync(id, processes, async client =>
            Results.Bytes(await client.ReadMemoryAsync(address, length.Value, ct).ConfigureAwait(false), "application/octet-stream"));
    }

    private static bool TryParseAddress(string text, out ulong address) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out address)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out address);
}
