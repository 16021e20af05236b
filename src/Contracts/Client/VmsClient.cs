using System.Globalization;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.Client;

/// <summary><c>/vms</c></summary>
public sealed class VmsClient
{
    private readonly ApiTransport _transport;

    internal VmsClient(ApiTransport transport) => _transport = transport;

    public Task<Page<Vm>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<Vm>>("vms".WithQuery(query), cancellationToken);

    public Task<Vm> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Vm>($"vms/{id}", cancellationToken);

    public Task<Vm> CreateAsync(VmDefinition definition, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Vm>(HttpMethod.Post, "vms", definition, options, cancellationToken);

    /// <summary>Replaces the definition; <see cref="ChangeOptions.IfMatch"/> is required.</summary>
    public Task<Vm> ReplaceAsync(Guid id, VmDefinition definition, ChangeOptions options, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Vm>(HttpMethod.Put, $"vms/{id}", definition, options, cancellationToken);

    /// <summary>Changes what the patch names; <see cref="ChangeOptions.IfMatch"/> is required.</summary>
    public Task<Vm> PatchAsync(Guid id, VmPatch patch, ChangeOptions options, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Vm>(HttpMethod.Patch, $"vms/{id}", patch, options, cancellationToken);

    /// <param name="id">The VM.</param>
    /// <param name="force">Deletes a VM that is not stopped, and supersedes what is under way.</param>
    /// <param name="options">Preconditions.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    public Task<Operation> DeleteAsync(
        Guid id, bool force = false, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Operation>(
            HttpMethod.Delete, $"vms/{id}".WithQuery(("force", force ? "true" : null)), body: null, options, cancellationToken);

    public Task<Operation> StartAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "start", body: null, options, cancellationToken);

    /// <summary>Asks the guest to shut down and forces it if it does not; the result is a <see cref="StopVmResult"/>.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="force">Ends the guest at once.</param>
    /// <param name="options">Preconditions.</param>
    /// <param name="timeoutSeconds">As <see cref="StopVmRequest.TimeoutSeconds"/>.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    public Task<Operation> StopAsync(
        Guid id, bool force = false, ChangeOptions? options = null, int? timeoutSeconds = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "stop", new StopVmRequest { Force = force, TimeoutSeconds = timeoutSeconds }, options, cancellationToken);

    public Task<Operation> PauseAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "pause", body: null, options, cancellationToken);

    public Task<Operation> ResumeAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "resume", body: null, options, cancellationToken);

    public Task<Operation> ResetAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "reset", body: null, options, cancellationToken);

    public Task<Operation> SnapshotAsync(
        Guid id, SnapshotVmRequest? request = null, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "snapshot", request ?? new SnapshotVmRequest(), options, cancellationToken);

    public Task<Operation> RestoreAsync(
        Guid id, Guid snapshotId, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "restore", new RestoreVmRequest { SnapshotId = snapshotId }, options, cancellationToken);

    public Task<Operation> ForkAsync(
        Guid id, ForkVmRequest request, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        VerbAsync(id, "fork", request, options, cancellationToken);

    public Task<BulkResult> StartManyAsync(IReadOnlyList<Guid> ids, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<BulkResult>(HttpMethod.Post, "vms:start", new BulkVmRequest { Ids = ids }, options: null, cancellationToken);

    public Task<BulkResult> StopManyAsync(IReadOnlyList<Guid> ids, bool force = false, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<BulkResult>(
            HttpMethod.Post, "vms:stop", new BulkVmRequest { Ids = ids, Force = force }, options: null, cancellationToken);

    public Task<VcpuRegisters> GetRegistersAsync(Guid id, int vcpu, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<VcpuRegisters>($"vms/{id}/vcpus/{vcpu}/registers", cancellationToken);

    /// <summary>Ids, names and sizes of a vCPU's registers, as KVM_GET_REG_LIST has them.</summary>
    public Task<VcpuRegisterList> ListRegistersAsync(Guid id, int vcpu, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<VcpuRegisterList>($"vms/{id}/vcpus/{vcpu}/register-list", cancellationToken);

    /// <summary>One register.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="register">KVM's id or the name.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    public Task<VcpuRegister> GetRegisterAsync(Guid id, int vcpu, string register, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<VcpuRegister>($"vms/{id}/vcpus/{vcpu}/registers/{Uri.EscapeDataString(register)}", cancellationToken);

    /// <summary>Writes a register of a paused guest.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="register">KVM's id or the name.</param>
    /// <param name="value">As <see cref="WriteVcpuRegisterRequest.Value"/>.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    public Task<VcpuRegister> WriteRegisterAsync(Guid id, int vcpu, string register, string value, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<VcpuRegister>(
            HttpMethod.Put, $"vms/{id}/vcpus/{vcpu}/registers/{Uri.EscapeDataString(register)}",
            new WriteVcpuRegisterRequest { Value = value }, options: null, cancellationToken);

    /// <summary>Writes registers of a paused guest: all of them in order, or none.</summary>
    public Task<VcpuRegisterContents> WriteRegistersAsync(
        Guid id, int vcpu, IReadOnlyList<VcpuRegisterWrite> registers, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<VcpuRegisterContents>(
            HttpMethod.Put, $"vms/{id}/vcpus/{vcpu}/registers",
            new WriteVcpuRegistersRequest { Registers = registers }, options: null, cancellationToken);

    /// <summary>The vector registers lane by lane, at the vector length in effect.</summary>
    public Task<VcpuVectors> GetVectorsAsync(
        Guid id, int vcpu, int elementBits = 64, LaneView format = LaneView.Hex, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<VcpuVectors>(
            $"vms/{id}/vcpus/{vcpu}/vectors".WithQuery(
                ("elementBits", elementBits.ToString(CultureInfo.InvariantCulture)), ("format", format.ToString().ToLowerInvariant())),
            cancellationToken);

    public Task<VmCounters> GetCountersAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<VmCounters>($"vms/{id}/counters", cancellationToken);

    /// <summary>The GDB server of a VM that has a guest.</summary>
    public Task<VmDebugger> GetDebuggerAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<VmDebugger>($"vms/{id}/debugger", cancellationToken);

    /// <summary>Opens the door for debuggers on the VM's node, or leaves an open one as it is; the answer says where it is.</summary>
    public Task<VmDebugger> OpenDebuggerAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<VmDebugger>(HttpMethod.Post, $"vms/{id}:debug", body: null, options: null, cancellationToken);

    /// <summary>Closes the door and ends the session that came through it; the guest goes on.</summary>
    public Task<VmDebugger> CloseDebuggerAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<VmDebugger>(HttpMethod.Delete, $"vms/{id}/debugger", body: null, options: null, cancellationToken);

    /// <summary>The stored console log as text.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="from">Byte offset to start at.</param>
    /// <param name="tail">Only the last so many bytes; excludes <paramref name="from"/>.</param>
    /// <param name="cancellationToken">Stops the download.</param>
    public async Task<string> GetConsoleLogAsync(
        Guid id, long? from = null, int? tail = null, CancellationToken cancellationToken = default)
    {
        var path = $"vms/{id}/console/log".WithQuery(
            ("from", from?.ToString(CultureInfo.InvariantCulture)),
            ("tail", tail?.ToString(CultureInfo.InvariantCulture)));
        using var response = await _transport
            .SendAsync(HttpMethod.Get, path, content: null, options: null, cancellationToken).ConfigureAwait(false);
        return await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
    }

    private Task<Operation> VerbAsync(Guid id, string verb, object? body, ChangeOptions? options, CancellationToken cancellationToken) =>
        _transport.SendAsync<Operation>(HttpMethod.Post, $"vms/{id}:{verb}", body, options, cancellationToken);
}
