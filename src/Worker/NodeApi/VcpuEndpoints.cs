using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.NodeApi;

/// <summary>A vCPU's registers: all, listed, single, lane by lane, and written.</summary>
internal static class VcpuEndpoints
{
    private const int DefaultElementBits = 64;

    public static void MapVcpus(this RouteGroupBuilder vms)
    {
        RouteGroupBuilder vcpu = vms.MapGroup("/vcpus/{index:int:min(0)}");
        vcpu.MapGet("/registers", (Guid id, int index, VmProcesses processes, CancellationToken ct) =>
            GuestCall.RunAsync(id, processes, async client =>
                Json(InspectionMapping.ToContract(await client.RegistersAsync(index, ct).ConfigureAwait(false)))));
        vcpu.MapGet("/register-list", (Guid id, int index, VmProcesses processes, CancellationToken ct) =>
            GuestCall.RunAsync(id, processes, async client =>
                Json(InspectionMapping.ToContract(await client.RegisterListAsync(index, ct).ConfigureAwait(false)))));
        vcpu.MapGet("/registers/{register}", (Guid id, int index, string register, VmProcesses processes, CancellationToken ct) =>
            GuestCall.RunAsync(id, processes, async client =>
                Json(InspectionMapping.ToContract(await client.RegisterAsync(index, register, ct).ConfigureAwait(false)))));
        vcpu.MapGet("/vectors", ReadVectorsAsync);
        vcpu.MapPut("/registers", WriteAsync);
    }

    private static Task<IResult> ReadVectorsAsync(
        Guid id, int index, string? elementBits, string? format, VmProcesses processes, CancellationToken ct)
    {
        int bits = DefaultElementBits;
        if (elementBits is not null
            && !(int.TryParse(elementBits, NumberStyles.None, CultureInfo.InvariantCulture, out bits) && VectorFormat.Widths.Contains(bits)))
            return Task.FromResult(NodeProblems.Invalid("?elementBits", $"Lanes have {string.Join(", ", VectorFormat.Widths)} bits, not '{elementBits}'."));
        LaneView view = LaneView.Hex;
        if (format is not null && !(format.All(char.IsLetter) && Enum.TryParse(format, ignoreCase: true, out view)))
            return Task.FromResult(NodeProblems.Invalid("?format", $"Lanes are written as hex, signed, unsigned or float, not '{format}'."));
        if (view == LaneView.Float && !VectorFormat.HasFloat(bits))
            return Task.FromResult(NodeProblems.Invalid("?format", $"There are no floating-point numbers of {bits} bits."));
        return GuestCall.RunAsync(id, processes, async client =>
            Json(InspectionMapping.ToVectors(await client.RegistersAsync(index, ct).ConfigureAwait(false), bits, view)));
    }

    /// <summary>Writes, then reads what is there now; or, to validate only, undoes it.</summary>
    private static Task<IResult> WriteAsync(
        Guid id, int index, bool? validateOnly, WriteVcpuRegistersRequest request, VmProcesses processes, CancellationToken ct) =>
        GuestCall.RunAsync(id, processes, async client =>
        {
            RegisterWrite[] writes = [.. request.Registers.Select(r => new RegisterWrite(r.Register, r.Value))];
            await client.WriteRegistersAsync(index, writes, validateOnly ?? false, ct).ConfigureAwait(false);
            List<VcpuRegister> contents = [];
            foreach (string register in request.Registers.Select(r => r.Register).Distinct(StringComparer.OrdinalIgnoreCase))
                contents.Add(InspectionMapping.ToContract(await client.RegisterAsync(index, register, ct).ConfigureAwait(false)));
            return Json(new VcpuRegisterContents { Registers = contents });
        });

    private static IResult Json<T>(T value) => Results.Json(value, CloudVmJson.Options);
}
