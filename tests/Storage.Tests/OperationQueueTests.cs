using CloudVm.Contracts;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using CloudVm.Testing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Storage.Tests;

public sealed class OperationQueueTests(PostgresFixture postgres) : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private NpgsqlDataSource _source = null!;
    private CloudVmDbContext _context = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static DateTimeOffset Now => TimeProvider.System.GetDatabaseNow();

    public async ValueTask InitializeAsync()
    {
        _database = await postgres.CreateMigratedAsync();
        _source = NpgsqlDataSource.Create(_database.ConnectionString);
        _context = Databases.NewContext(_source);
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        await _source.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task The_database_itself_refuses_a_second_active_operation_of_a_vm()
    {
        var vm = await _context.AddVmAsync();
        await EnqueueAsync(vm);
        _context.Enqueue(New(vm), TimeProvider.System);

        var refused = await Assert.ThrowsAsync<DbUpdateException>(() => _context.SaveChangesAsync(Cancelled));

        Assert.Equal("ux_operations_active_vm", Assert.IsType<PostgresException>(refused.InnerException).ConstraintName);
    }

    [Fact]
    public async Task A_queued_operation_goes_ahead_when_the_one_before_it_has_ended()
    {
        var vm = await _context.AddVmAsync();
        var first = await EnqueueAsync(vm);
        var second = await EnqueueAsync(vm, queued: true);
        var third = await EnqueueAsync(vm, queued: true);

        Assert.False(await _context.PromoteNextAsync(vm.Id, Cancelled));
        _context.Begin(first, Guid.NewGuid(), epoch: 1, "starting", Now);
        _context.Succeed(first, result: null, Now);
        await _context.SaveChangesAsync(Cancelled);
        Assert.True(await _context.PromoteNextAsync(vm.Id, Cancelled));
        Assert.False(await _context.PromoteNextAsync(vm.Id, Cancelled));

        await _context.Entry(second).ReloadAsync(Cancelled);
        await _context.Entry(third).ReloadAsync(Cancelled);
        Assert.False(second.Queued);
        Assert.True(third.Queued);
        Assert.Equal(second.Id, (await _context.FindActiveOperationAsync(vm.Id, Cancelled))?.Id);
    }

    [Fact]
    public async Task The_source_of_a_fork_holds_still()
    {
        var source = await _context.AddVmAsync("source");
        var fork = await _context.AddVmAsync("fork");
        var operation = _context.Enqueue(New(fork) with { Kind = OperationKind.VmFork, SourceVmId = source.Id }, TimeProvider.System);
        await _context.SaveChangesAsync(Cancelled);
        var queued = await EnqueueAsync(source, queued: true);

        Assert.Equal(operation.Id, (await _context.FindActiveOperationAsync(source.Id, Cancelled))?.Id);
        Assert.False(await _context.PromoteNextAsync(source.Id, Cancelled));
        _context.Fail(operation, new Problem { Title = "no", Status = 500, Code = "x" }, Now);
        await _context.SaveChangesAsync(Cancelled);
        Assert.True(await _context.PromoteNextAsync(source.Id, Cancelled));
        Assert.NotEqual(operation.Id, queued.Id);
    }

    [Fact]
    public async Task An_overdue_operation_fails_with_the_reason_and_lets_the_next_go_ahead()
    {
        var vm = await _context.AddVmAsync();
        var stuck = await EnqueueAsync(vm);
        var next = await EnqueueAsync(vm, queued: true);
        await _context.Database.ExecuteSqlAsync($"UPDATE operations SET deadline = now() - interval '1 s' WHERE id = {stuck.Id}", Cancelled);
        await using var sweeper = Databases.NewContext(_source);

        var failed = Assert.Single(await sweeper.ExpireOverdueAsync(TimeProvider.System, Cancelled));

        Assert.Equal(stuck.Id, failed.Id);
        Assert.Equal(ProblemCodes.DeadlineExceeded, failed.ToContract().Problem!.Code);
        await _context.Entry(next).ReloadAsync(Cancelled);
        Assert.False(next.Queued);
        Assert.Empty(await sweeper.ExpireOverdueAsync(TimeProvider.System, Cancelled));
    }

    [Fact]
    public async Task An_ended_operation_never_changes_again()
    {
        var operation = await EnqueueAsync(await _context.AddVmAsync());
        _context.RequestCancel(operation, "somebody", Now);

        Assert.Equal(OperationState.Cancelled, operation.State);
        Assert.Throws<InvalidOperationException>(() => _context.Succeed(operation, result: null, Now));
        Assert.Throws<InvalidOperationException>(() => _context.RequestCancel(operation, "somebody", Now));
        Assert.Throws<InvalidOperationException>(() => _context.Report(operation, 50, "x", Now));
    }

    [Fact]
    public async Task Whoever_listens_hears_of_work_and_of_its_end()
    {
        await using var listener = await _database.OpenConnectionAsync(Cancelled);
        var heard = new List<(string, string)>();
        listener.Notification += (_, e) => heard.Add((e.Channel, e.Payload));
        await using (var listen = new NpgsqlCommand("LISTEN cloudvm_work; LISTEN cloudvm_operations; LISTEN cloudvm_events", listener))
            await listen.ExecuteNonQueryAsync(Cancelled);
        var vm = await _context.AddVmAsync();
        var operation = await EnqueueAsync(vm);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        deadline.CancelAfter(TimeSpan.FromSeconds(10));

        (string, string)[] expected =
            [("cloudvm_work", vm.Id.ToString()), ("cloudvm_operations", operation.Id.ToString()), ("cloudvm_events", "")];
        while (expected.Except(heard).Any())
            await listener.WaitAsync(deadline.Token);
    }

    private static NewOperation New(VirtualMachineEntity vm) => new()
    {
        Kind = OperationKind.VmStart,
        ProjectId = vm.ProjectId,
        Target = new ResourceReference("vm", vm.Id.ToString(), vm.Name),
        VmId = vm.Id,
        CreatedBy = "test",
    };

    private async Task<OperationEntity> EnqueueAsync(VirtualMachineEntity vm, bool queued = false)
    {
        var operation = _context.Enqueue(New(vm) with { Queued = queued }, TimeProvider.System);
        await _context.SaveChangesAsync(Cancelled);
        return operation;
    }
}
