using System.Text.RegularExpressions;
using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>Save and load of a running guest's state, judged by the guest's own sentinels.</summary>
public sealed class HelloSveSnapshotTests
{
    private static readonly HelloSveMachine Machine = new("max-pow2", [128, 256, 512]);

    [Fact]
    public async Task Restore_in_place_brings_back_registers_and_scrollback()
    {
        var ct = TestContext.Current.CancellationToken;
        var (process, console) = await HelloSveTests.StartAsync(Machine);
        await using var ownedProcess = process;
        await using (console)
        {
            await console.WaitForPromptAsync();
            await console.RunAsync("vl 256");
            var before = await console.RunAsync("regs");
            var snapshot = await SavedMachine.SaveAsync(process.Client);
            await process.Client.ResumeAsync(ct);

            await console.RunAsync("vl 512");
            await console.RunAsync("daxpy 100");
            Assert.NotEqual(before, await console.RunAsync("regs"));
            await snapshot.LoadAsync(process.Client);
            await process.Client.ResumeAsync(ct);

            await using var viewer = await GuestConsole.AttachAsync(process.Client);
            await viewer.WaitForAsync(Regex.Escape(before) + "\n> ");
            Assert.DoesNotContain("daxpy 100", viewer.Text, StringComparison.Ordinal);
            Assert.Equal(before, await viewer.RunAsync("regs"));
        }
    }

    [Fact]
    public async Task Restore_into_another_process_goes_on_where_it_was()
    {
        var ct = TestContext.Current.CancellationToken;
        SavedMachine snapshot;
        string before;
        {
            var (process, console) = await HelloSveTests.StartAsync(Machine);
            await using var ownedProcess = process;
            await using var ownedConsole = console;
            await console.WaitForPromptAsync();
            await console.RunAsync("daxpy 321");
            before = await console.RunAsync("regs");
            snapshot = await SavedMachine.SaveAsync(process.Client);
        }

        var (fresh, viewer) = await HypervisorProcess.ConfigureAsync(Machine);
        await using var ownedFresh = fresh;
        await using var ownedViewer = viewer;
        await snapshot.LoadAsync(fresh.Client);
        await fresh.Client.ResumeAsync(ct);

        await using var restored = await GuestConsole.AttachAsync(fresh.Client);
        await restored.WaitForAsync(Regex.Escape(before) + "\n> ");
        Assert.Equal(before, await restored.RunAsync("regs"));
        Assert.DoesNotContain("FAIL", await restored.RunAsync("test"), StringComparison.Ordinal);
        Assert.Matches(@"^ticks \d+ ", await restored.RunAsync("ticks"));
    }

    /// <summary>A vector that lives only in the interpreter's loop, not in memory: saved in the middle of a computation.</summary>
    [Fact]
    public async Task A_computation_goes_on_in_the_middle()
    {
        var ct = TestContext.Current.CancellationToken;
        var (process, console) = await HelloSveTests.StartAsync(Machine);
        await using var ownedProcess = process;
        await using (console)
        {
            await console.WaitForPromptAsync();
            var expected = ValueOf(await console.RunAsync("spin 3000"));

            await console.TypeAsync("spin 3000\r");
            var snapshot = await SavedMachine.SaveAsync(process.Client);
            await snapshot.LoadAsync(process.Client);
            await process.Client.ResumeAsync(ct);

            await using var viewer = await GuestConsole.AttachAsync(process.Client);
            var first = await viewer.WaitForAsync(@"spin 3000 value [0-9a-f]{16} ");
            var second = await viewer.WaitForAsync(@"spin 3000 value [0-9a-f]{16} ", first);
            Assert.Equal(expected, ValueOf(viewer.Text[first..second]));
        }
    }

    [Theory]
    [InlineData("max-pow2", new[] { 128, 256 })]
    [InlineData("max-pow2", null)]
    [InlineData("max-pow2", new int[0])]
    public async Task Another_vector_length_set_is_refused(string profile, int[]? lengths)
    {
        SavedMachine snapshot;
        {
            var (process, console) = await HelloSveTests.StartAsync(Machine);
            await using var ownedProcess = process;
            await using var ownedConsole = console;
            await console.WaitForPromptAsync();
            snapshot = await SavedMachine.SaveAsync(process.Client);
        }

        var (other, viewer) = await HypervisorProcess.ConfigureAsync(new HelloSveMachine(profile, lengths));
        await using var ownedOther = other;
        await using var ownedViewer = viewer;
        var refusal = await Assert.ThrowsAsync<HypervisorControlException>(() => snapshot.LoadAsync(other.Client));

        Assert.Equal(ControlProtocol.ProblemCodes.IncompatibleState, refusal.Problem.Code);
        Assert.Contains("vector length", refusal.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static string ValueOf(string output) => Regex.Match(output, "value ([0-9a-f]{16})").Groups[1].Value;
}
