using System.Globalization;
using System.Text.Json.Serialization.Metadata;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using Microsoft.AspNetCore.Http;

namespace CloudVm.Hypervisor.Control;

/// <summary>The calls below <c>/vcpus/{n}</c>.</summary>
internal sealed partial class ControlServer
{
    private Func<HttpContext, Task>? FindVcpuHandler(string method, string path)
    {
        var parts = path.Split('/');
        if (parts is not ["", "vcpus", var number, .. var rest]
            || !int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            return null;
        return (method, rest) switch
        {
            ("GET", ["registers"]) => context => ReadVcpuAsync(context, index, m => m.ReadRegisters(index), ControlJsonContext.Default.VcpuRegisters),
            ("PUT", ["registers"]) => context => MutateAsync(context, call => WriteRegistersAsync(call, index)),
            ("GET", ["registers", var register]) => context =>
                ReadVcpuAsync(context, index, m => m.ReadRegister(index, register), ControlJsonContext.Default.RegisterContent, register),
            ("GET", ["register-list"]) => context => ReadVcpuAsync(context, index, m => m.ListRegisters(index), ControlJsonContext.Default.RegisterList),
            _ => null,
        };
    }

    private async Task ReadVcpuAsync<T>(
        HttpContext context, int index, Func<GuestMachine, T?> read, JsonTypeInfo<T> type, string? register = null)
        where T : class
    {
        var machine = RequireMachine();
        RequireVcpu(machine, index);
        var answer = await Task.Run(() => read(machine), context.RequestAborted).ConfigureAwait(false)
            ?? throw ControlException.NotFound($"vCPU {index} has no register '{register}'.");
        await context.Response.WriteJsonAsync(answer, type).ConfigureAwait(false);
    }

    private async Task WriteRegistersAsync(HttpContext context, int index)
    {
        var machine = RequireMachine();
        RequireVcpu(machine, index);
        var request = await context.Request.ReadJsonAsync(ControlJsonContext.Default.RegisterWriteRequest).ConfigureAwait(false);
        await Task.Run(() => machine.WriteRegisters(index, request.Registers ?? [], request.ValidateOnly), context.RequestAborted).ConfigureAwait(false);
    }

    private static void RequireVcpu(GuestMachine machine, int index)
    {
        if (index >= machine.VcpuCount)
            throw ControlException.NotFound($"There is no vCPU {index}.");
    }
}
