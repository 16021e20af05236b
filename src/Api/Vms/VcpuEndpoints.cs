using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Vms;

/// <summary><c>/vms/{id}/vcpus/{n}</c>: the registers of a vCPU, as KVM's interface has them.</summary>
internal static class VcpuEndpoints
{
    private const string RegisterName = "KVM's id (0x and 16 hexadecimal digits) or the name, as register-list has them.";

    public static void MapVcpus(this RouteGroupBuilder guests)
    {
        var vcpu = guests.MapGroup("/vcpus/{n:int:min(0)}");
        vcpu.MapRead("registers", "getVcpuRegisters", "Read a vCPU's registers", "General, FP, SVE and system registers of a vCPU at one moment.")
            .Produces<VcpuRegisters>();
        vcpu.MapRead(
                "register-list", "listVcpuRegisters", "List a vCPU's registers",
                "KVM_GET_REG_LIST: ids in the kernel's order, with names and sizes. What is listed depends on the VM's ABI profile and on SVE.")
            .Produces<VcpuRegisterList>();
        vcpu.MapRead("vectors", "getVcpuVectors", "Read a vCPU's vector registers by lanes", "Z (or V), P and FFR at the vector length in effect, lane 0 first.")
            .WithParameter("elementBits", "Lane width: 8, 16, 32, 64 (when left out) or 128.", "integer")
            .WithParameter("format", "hex (when left out), signed, unsigned or float.", "string")
            .Produces<VcpuVectors>();
        vcpu.MapGet("/registers/{register}", (Guid id, int n, string register, HttpContext http, GuestReader reader) =>
                reader.ReadGuestAsync(id, http, $"vcpus/{n}/registers/{Uri.EscapeDataString(register)}"))
            .Describe("getVcpuRegister", "Read one register", $"KVM_GET_ONE_REG. The register is {RegisterName}")
            .Produces<VcpuRegister>()
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);

        var change = vcpu.MapGroup("").RequireRole(Role.Operator).AddEndpointFilter<UnitOfWork>();
        change.MapPut("/registers", (Guid id, int n, JsonBody<WriteVcpuRegistersRequest> body, WriteVcpuRegisters handler, HttpRequest request, CancellationToken ct) =>
                handler.WriteAsync(id, n, body, request, ct))
            .Describe(
                "writeVcpuRegisters", "Write registers",
                "KVM_SET_ONE_REG for each, in order: all of it happens or nothing, and a refusal names every reason. The guest must be paused.")
            .WithValidateOnly()
            .Produces<VcpuRegisterContents>()
            .ProducesProblems(400, 401, 403, 404, 409, 422, 429, 503);
        change.MapPut(
                "/registers/{register}",
                (Guid id, int n, string register, JsonBody<WriteVcpuRegisterRequest> body, WriteVcpuRegisters handler, HttpRequest request, CancellationToken ct) =>
                    handler.WriteOneAsync(id, n, register, body, request, ct))
            .Describe("writeVcpuRegister", "Write one register", $"KVM_SET_ONE_REG. The guest must be paused. The register is {RegisterName}")
            .WithValidateOnly()
            .Produces<VcpuRegister>()
            .ProducesProblems(400, 401, 403, 404, 409, 422, 429, 503);
    }

    private static RouteHandlerBuilder MapRead(this RouteGroupBuilder vcpu, string path, string operationId, string summary, string description) =>
        vcpu.MapGet($"/{path}", (Guid id, int n, HttpContext http, GuestReader reader) =>
                reader.ReadGuestAsync(id, http, $"vcpus/{n}/{path}{http.Request.QueryString}"))
            .Describe(operationId, summary, description)
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);
}
