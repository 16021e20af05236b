using System.Globalization;
using System.Text.RegularExpressions;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;

namespace CloudVm.EndToEnd.Tests;

/// <summary>The guest hello-sve through the API, as a client with curl would meet it.</summary>
public sealed partial class HelloSveTests(RunningInstallation cloud)
{
    private static readonly TimeSpan BootDeadline = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(512, new[] { 128, 256, 512 })]
    [InlineData(null, new[] { 128, 256, 512, 1024, 2048 })]
    public async Task The_guest_prints_the_vector_length_of_every_ZCR_LEN(int? maximumBits, int[] lengths)
    {
        Guid vm = await StartAsync($"lengths-{maximumBits ?? 0}", new CpuSpec { Sve = new SveSpec { MaxVectorLengthBits = maximumBits } });

        string log = await LogWithAsync(vm, "> ");

        string[] expected = [.. Enumerable.Range(0, 16).Select(len => string.Create(
            CultureInfo.InvariantCulture, $"VL LEN={len} bits={lengths.Last(bits => bits <= 128 * (len + 1))}"))];
        Assert.Equal(expected, VectorLengthLine().Matches(log).Select(m => m.Value.TrimEnd()).Take(16));
        Assert.DoesNotContain("FAIL", log, StringComparison.Ordinal);
        foreach (string check in (string[])["daxpy ok", "strlen ok", "reduce ok", "timer ok"])
            Assert.Contains(check, log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_host_without_SVE_the_guest_says_so()
    {
        Guid vm = await StartAsync("no-sve", new CpuSpec { HostProfile = "neoverse-n1" });

        string log = await LogWithAsync(vm, "> ");

        Assert.Contains("SVE absent", log, StringComparison.Ordinal);
        Assert.DoesNotContain("VL LEN=", log, StringComparison.Ordinal);
        Assert.DoesNotContain("FAIL", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_brings_back_registers_and_scrollback_and_the_stored_log_goes_on()
    {
        Guid vm = await StartAsync("restored", new CpuSpec());
        await LogWithAsync(vm, "> ");
        string token = await cloud.Installation.NewTokenAsync(Cancellation);
        await using GuestConsole console = await GuestConsole.AttachAsync(cloud.Installation, vm, token, Cancellation);
        await console.RunAsync("vl 256", Cancellation);
        string before = await console.RunAsync("regs", Cancellation);
        string scrollback = console.Shown;
        Assert.Contains("checksum=", before, StringComparison.Ordinal);

        Operation taken = await EndOfAsync(await cloud.Api.Vms.SnapshotAsync(vm, new SnapshotVmRequest { Name = "before" }, cancellationToken: Cancellation));
        Guid snapshot = taken.Result!.Value.GetProperty("snapshotId").GetGuid();
        await console.RunAsync("vl 128", Cancellation);
        string changed = await console.RunAsync("regs", Cancellation);
        Assert.NotEqual(before, changed);

        int replays = console.Replays;
        await EndOfAsync(await cloud.Api.Vms.RestoreAsync(vm, snapshot, cancellationToken: Cancellation));
        await console.UntilAsync(_ => console.Replays > replays && console.Shown.Length >= scrollback.Length, "the replay of the snapshot's scrollback", Cancellation);
        Assert.Equal(scrollback, console.Shown);
        Assert.Equal(before, await console.RunAsync("regs", Cancellation));

        string log = await cloud.Api.Vms.GetConsoleLogAsync(vm, cancellationToken: Cancellation);
        Assert.Contains("vl 128", log, StringComparison.Ordinal);
        int marker = log.IndexOf("restore", log.IndexOf("vl 128", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
        Assert.True(marker > 0, "The stored log has no restore marker after what was undone.");
    }

    [Fact]
    public async Task A_guest_that_powers_itself_off_is_stopped_and_stays_so()
    {
        Guid vm = await StartAsync("off", new CpuSpec());
        await LogWithAsync(vm, "> ");
        string token = await cloud.Installation.NewTokenAsync(Cancellation);
        await using GuestConsole console = await GuestConsole.AttachAsync(cloud.Installation, vm, token, Cancellation);
        await console.TypeAsync("off", Cancellation);

        Vm stopped = await UntilAsync(vm, v => v.Status.Phase == VmPhase.Stopped);
        Assert.Equal(DesiredState.Stopped, stopped.DesiredState);
        Assert.NotNull(stopped.Status.LastExit);
    }

    [GeneratedRegex(@"^VL LEN=\d+ bits=\d+\s*$", RegexOptions.Multiline)]
    private static partial Regex VectorLengthLine();

    private async Task<Guid> StartAsync(string name, CpuSpec cpu)
    {
        Vm vm = await cloud.Api.Vms.CreateAsync(
            new VmDefinition { Name = $"hello-{name}", Image = "hello-sve", MemoryMiB = 64, Cpu = cpu }, cancellationToken: Cancellation);
        await EndOfAsync(await cloud.Api.Vms.StartAsync(vm.Id, cancellationToken: Cancellation));
        return vm.Id;
    }

    private async Task<Operation> EndOfAsync(Operation operation)
    {
        Operation ended = await cloud.Api.Operations.WaitForEndAsync(operation.Id, Cancellation);
        Assert.True(ended.State == OperationState.Succeeded, $"{ended.Kind} ended {ended.State}: {ended.Problem?.Title} {ended.Problem?.Detail}");
        return ended;
    }

    private async Task<string> LogWithAsync(Guid vm, string text)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            string log = await cloud.Api.Vms.GetConsoleLogAsync(vm, cancellationToken: Cancellation);
            if (log.Contains(text, StringComparison.Ordinal))
                return log;
            Assert.True(TimeProvider.System.GetElapsedTime(began) < BootDeadline, $"The guest did not print '{text}' within {BootDeadline}, but:\n{log}");
            await Task.Delay(50, Cancellation);
        }
    }

    private async Task<Vm> UntilAsync(Guid id, Func<Vm, bool> condition)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            Vm vm = await cloud.Api.Vms.GetAsync(id, Cancellation);
            if (condition(vm))
                return vm;
            Assert.True(TimeProvider.System.GetElapsedTime(began) < BootDeadline, $"The VM is still {vm.Status.Phase}: {vm.Status.Message}");
            await Task.Delay(50, Cancellation);
        }
    }
}
