using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;
using System.Text.Json;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Api.Tests;

public sealed class SnapshotTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Taking_a_snapshot_is_an_operation_that_shows_nothing_yet()
    {
        var vm = await CreateRunningVmAsync();

        var operation = await api.Client.Vms.SnapshotAsync(vm.Id, new SnapshotVmRequest { Name = "first" }, cancellationToken: Cancelled);

        Assert.Equal(OperationKind.VmSnapshot, operation.Kind);
        Assert.Empty((await api.Client.Snapshots.ListOfVmAsync(vm.Id, cancellationToken: Cancelled)).Items);
        await using var context = api.NewContext();
        var request = (await context.Operations.SingleAsync(o => o.Id == operation.Id, Cancelled)).Request;
        Assert.Equal("first", JsonSerializer.Deserialize<OperationRequests.TakeSnapshot>(request, CloudVmJson.Options)!.Name);
        Assert.Equal(DesiredState.Running, (await api.Client.Vms.GetAsync(vm.Id, Cancelled)).DesiredState);
    }

    [Fact]
    public async Task A_snapshot_in_the_making_is_not_shown()
    {
        var vm = await CreateRunningVmAsync();
        var half = await AddSnapshotAsync(vm, state: SnapshotState.Creating);
        var whole = await AddSnapshotAsync(vm);

        Assert.Equal([whole.Id], (await api.Client.Snapshots.ListOfVmAsync(vm.Id, cancellationToken: Cancelled)).Items.Select(s => s.Id));
        await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/snapshots/{half.Id}")).ReadProblemAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_name_is_used_once_for_a_vm()
    {
        var vm = await CreateRunningVmAsync();
        var snapshot = await AddSnapshotAsync(vm);

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:snapshot", $$"""{"name":"{{snapshot.Name}}","colour":1}""");

        Assert.Equal(
            [("/colour", "unknownField"), ("/name", "nameTaken")],
            (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
    }

    [Fact]
    public async Task A_restore_puts_the_same_machine_back()
    {
        var vm = await CreateRunningVmAsync();
        var snapshot = await AddSnapshotAsync(vm);

        var operation = await api.Client.Vms.RestoreAsync(vm.Id, snapshot.Id, cancellationToken: Cancelled);

        Assert.Equal((OperationKind.VmRestore, vm.Id.ToString()), (operation.Kind, operation.Target.Id));
    }

    [Fact]
    public async Task A_vm_with_other_vector_lengths_is_refused_with_every_reason_and_the_way_out()
    {
        var vm = await CreateRunningVmAsync();
        var snapshot = await AddSnapshotAsync(vm);
        await api.Client.Vms.PatchAsync(
            vm.Id,
            new VmPatch { MemoryMiB = 128, Cpu = new CpuSpec { Sve = new SveSpec { MaxVectorLengthBits = 512 }, AbiProfile = AbiProfiles.Linux61 } },
            new() { IfMatch = "*" },
            Cancelled);

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:restore", $$"""{"snapshotId":"{{snapshot.Id}}"}""");

        var problem = await response.ReadProblemAsync(HttpStatusCode.Conflict);
        Assert.Equal(ProblemCodes.IncompatibleSnapshot, problem.Code);
        Assert.Equal(["differentVectorLengths", "differentMemory", "differentAbiProfile"], problem.Errors.Select(e => e.Code));
        Assert.Contains("{128, 256, 512} bits", problem.Errors[0].Message, StringComparison.Ordinal);
        Assert.Contains("newVmName", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_to_a_new_vm_gives_it_the_snapshots_machine()
    {
        var vm = await CreateRunningVmAsync();
        var snapshot = await AddSnapshotAsync(vm);
        var name = Requests.UniqueName();

        var operation = await api.Client.Snapshots.RestoreAsync(snapshot.Id, name, cancellationToken: Cancelled);

        var restored = await api.Client.Vms.GetAsync(Guid.Parse(operation.Target.Id), Cancelled);
        Assert.Equal((OperationKind.SnapshotRestore, name, operation.Id), (operation.Kind, restored.Name, restored.Status.OperationId));
        Assert.Equal((snapshot.MemoryMiB, DesiredState.Running), (restored.MemoryMiB, restored.DesiredState));
        Assert.Equal(snapshot.VectorLengthsBits[0], restored.Cpu.Sve.EffectiveVectorLengthsBits);
        var again = await api.Http.SendJsonAsync(HttpMethod.Post, $"/snapshots/{snapshot.Id}:restore", $$"""{"newVmName":"{{name}}"}""");
        Assert.Equal([("/newVmName", "nameTaken")], (await again.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
    }

    [Fact]
    public async Task A_fork_of_a_running_vm_keeps_its_source_still()
    {
        var vm = await CreateRunningVmAsync();

        var fork = await api.Client.Vms.ForkAsync(vm.Id, new ForkVmRequest { Name = Requests.UniqueName() }, cancellationToken: Cancelled);

        var refused = await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Vms.PauseAsync(vm.Id, cancellationToken: Cancelled));
        Assert.Equal($"/api/v1/operations/{fork.Id}", refused.Problem.Operation);
        Assert.Equal(fork.Id, (await api.Client.Vms.GetAsync(vm.Id, Cancelled)).Status.OperationId);
    }

    [Fact]
    public async Task A_fork_needs_a_name_and_a_guest_or_a_snapshot()
    {
        var vm = await api.CreateVmAsync();

        var nameless = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:fork", "{}");
        var stopped = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:fork", $$"""{"name":"{{Requests.UniqueName()}}"}""");
        var unknown = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:fork", $$"""{"name":"x","snapshotId":"{{Guid.NewGuid()}}"}""");

        Assert.Equal([("/name", "required")], (await nameless.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
        await stopped.ReadProblemAsync(HttpStatusCode.Conflict);
        Assert.Equal([("/snapshotId", "unknownSnapshot")], (await unknown.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
    }

    [Fact]
    public async Task A_snapshot_in_use_is_not_deleted_and_one_being_deleted_not_used()
    {
        var vm = await CreateRunningVmAsync();
        var used = await AddSnapshotAsync(vm);
        var doomed = await AddSnapshotAsync(vm);
        var restore = await api.Client.Vms.RestoreAsync(vm.Id, used.Id, cancellationToken: Cancelled);

        var inUse = await api.Http.SendJsonAsync(HttpMethod.Delete, $"/snapshots/{used.Id}");
        var deletion = await api.Client.Snapshots.DeleteAsync(doomed.Id, cancellationToken: Cancelled);
        var again = await api.Http.SendJsonAsync(HttpMethod.Delete, $"/snapshots/{doomed.Id}");
        var restoreDoomed = await api.Http.SendJsonAsync(HttpMethod.Post, $"/snapshots/{doomed.Id}:restore", """{"newVmName":"x1"}""");

        Assert.Equal($"/api/v1/operations/{restore.Id}", (await inUse.ReadProblemAsync(HttpStatusCode.Conflict)).Operation);
        Assert.Equal($"/api/v1/operations/{deletion.Id}", (await again.ReadProblemAsync(HttpStatusCode.Conflict)).Operation);
        Assert.Equal(ProblemCodes.InvalidState, (await restoreDoomed.ReadProblemAsync(HttpStatusCode.Conflict)).Code);
        Assert.Equal(SnapshotState.Deleting, (await api.Client.Snapshots.GetAsync(doomed.Id, Cancelled)).State);
    }

    [Fact]
    public async Task Verifying_is_an_operation_on_the_snapshot()
    {
        var snapshot = await AddSnapshotAsync(await CreateRunningVmAsync());

        var operation = await api.Client.Snapshots.VerifyAsync(snapshot.Id, cancellationToken: Cancelled);

        Assert.Equal((OperationKind.SnapshotVerify, "snapshot", snapshot.Id.ToString()), (operation.Kind, operation.Target.Type, operation.Target.Id));
    }

    private async Task<Vm> CreateRunningVmAsync()
    {
        var vm = await api.CreateVmAsync();
        await using var context = api.NewContext();
        await context.VmStatuses.Where(s => s.VmId == vm.Id).ExecuteUpdateAsync(s => s.SetProperty(v => v.Phase, VmPhase.Running), Cancelled);
        await context.VirtualMachines.Where(v => v.Id == vm.Id).ExecuteUpdateAsync(s => s.SetProperty(v => v.DesiredState, DesiredState.Running), Cancelled);
        return vm;
    }

    private async Task<SnapshotEntity> AddSnapshotAsync(Vm vm, SnapshotState state = SnapshotState.Ready)
    {
        await using var context = api.NewContext();
        var snapshot = new SnapshotEntity
        {
            Id = Guid.CreateVersion7(),
            ProjectId = ProjectEntity.DefaultId,
            VmId = vm.Id,
            VmName = vm.Name,
            Name = Requests.UniqueName("snapshot"),
            State = state,
            VectorLengthsBits = [vm.Cpu.Sve.EffectiveVectorLengthsBits!],
            Cpu = vm.Cpu,
            Disks = [],
            MemoryMiB = vm.MemoryMiB,
            ImageId = vm.Image.Id,
            FormatVersion = 1,
            Revision = 1,
        };
        context.Snapshots.Add(snapshot);
        await context.SaveChangesAsync(Cancelled);
        return snapshot;
    }
}
