using System.ComponentModel;
using System.Globalization;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Tests.Supervision;

public sealed class DetachedProcessTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cvm-d-").FullName;
    private readonly ExitMonitor _monitor = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _monitor.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Child_has_its_own_session_and_no_inherited_descriptor()
    {
        using FileStream ours = File.Create(Path.Combine(_directory, "ours"));
        using SupervisedProcess child = Start("/bin/sh", "-c", "kill -STOP $$");
        // A program that is still being loaded has its libraries open; one that has stopped itself has been loaded.
        while (!(await File.ReadAllTextAsync($"/proc/{child.Identity.ProcessId}/stat", Ct)).Contains(") T ", StringComparison.Ordinal))
            await Task.Delay(5, Ct);

        string[] stat = (await File.ReadAllTextAsync($"/proc/{child.Identity.ProcessId}/stat", Ct)).Split(") ")[^1].Split(' ');
        Assert.Equal(child.Identity.ProcessId.ToString(CultureInfo.InvariantCulture), stat[3]);
        string[] open = [.. Directory.EnumerateFileSystemEntries($"/proc/{child.Identity.ProcessId}/fd")
            .Select(link => File.ResolveLinkTarget(link, returnFinalTarget: false)?.FullName ?? link).Order()];
        Assert.Equal([Path.Combine(_directory, "log"), Path.Combine(_directory, "log"), "/dev/null"], open.OrderDescending());
        await child.KillAsync(Ct);
    }

    [Fact]
    public async Task Child_gets_only_the_given_environment_and_default_signals()
    {
        using SupervisedProcess child = StartShell("env; grep -E 'SigBlk|SigIgn' /proc/self/status");
        await ReleaseAsync();
        await child.Exited.WaitAsync(Ct);

        string output = await File.ReadAllTextAsync(Path.Combine(_directory, "log"), Ct);
        Assert.Contains("GIVEN=1", output, StringComparison.Ordinal);
        Assert.DoesNotContain("HOME=", output, StringComparison.Ordinal);
        Assert.Contains("SigBlk:\t0000000000000000", output, StringComparison.Ordinal);
        Assert.Contains("SigIgn:\t0000000000000000", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exit_code_and_signal_are_told_apart()
    {
        using SupervisedProcess orderly = StartShell("exit 7");
        using SupervisedProcess killed = StartShell("kill -SEGV $$");
        await ReleaseAsync();

        Assert.Equal(new ProcessExit(7, null), await orderly.Exited.WaitAsync(Ct));
        Assert.Equal(new ProcessExit(null, 11), await killed.Exited.WaitAsync(Ct));
    }

    [Fact]
    public async Task Zombie_counts_as_dead()
    {
        int pid = DetachedProcess.Start("/bin/true", [], new Dictionary<string, string>(), Path.Combine(_directory, "log"));
        // Nobody waits for this child, so it stays a zombie once it has ended.
        while (!(await File.ReadAllTextAsync($"/proc/{pid}/stat", Ct)).Contains(") Z ", StringComparison.Ordinal))
            await Task.Delay(5, Ct);

        Assert.False(ProcessIdentity.TryRead(pid, out _));
        Assert.Null(SupervisedProcess.TryAttach(_monitor, new ProcessIdentity(pid, 1)));
    }

    [Fact]
    public void Another_process_with_the_same_pid_is_not_attached_to()
    {
        Assert.True(ProcessIdentity.TryRead(Environment.ProcessId, out ProcessIdentity self));
        Assert.Null(SupervisedProcess.TryAttach(_monitor, self with { StartTime = self.StartTime - 1 }));
    }

    [Fact]
    public void Missing_program_is_an_error_and_not_a_dead_child()
    {
        Win32Exception error = Assert.Throws<Win32Exception>(
            () => DetachedProcess.Start("/nonexistent", [], new Dictionary<string, string>(), Path.Combine(_directory, "log")));
        Assert.Equal(2, error.NativeErrorCode);
    }

    [Fact]
    public async Task Many_processes_are_watched_at_once()
    {
        SupervisedProcess[] children = [.. Enumerable.Range(0, 20).Select(i => StartShell($"exit {i}"))];
        await ReleaseAsync();
        for (int i = 0; i < children.Length; i++)
        {
            Assert.Equal(i, (await children[i].Exited.WaitAsync(TimeSpan.FromSeconds(20), Ct)).ExitCode);
            children[i].Dispose();
        }
    }

    private string Go => Path.Combine(_directory, "go");

    /// <summary>A shell that does nothing before <see cref="ReleaseAsync"/>: it must not end before it is watched.</summary>
    private SupervisedProcess StartShell(string script) => Start("/bin/sh", "-c", $"until [ -e '{Go}' ]; do sleep 0.05; done; {script}");

    private Task ReleaseAsync() => File.WriteAllTextAsync(Go, "", Ct);

    private SupervisedProcess Start(string path, params string[] arguments)
    {
        int pid = DetachedProcess.Start(
            path, arguments, new Dictionary<string, string> { ["GIVEN"] = "1", ["PATH"] = "/usr/bin:/bin" }, Path.Combine(_directory, "log"));
        Assert.True(ProcessIdentity.TryRead(pid, out ProcessIdentity identity));
        return SupervisedProcess.TryAttach(_monitor, identity)!;
    }
}
