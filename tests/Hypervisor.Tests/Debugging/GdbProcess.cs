using System.Diagnostics;
using System.Text;

namespace CloudVm.Hypervisor.Tests.Debugging;

/// <summary>Debian's gdb-multiarch, told one command after the other.</summary>
internal sealed class GdbProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly Process _process;
    private readonly StringBuilder _text = new();
    private readonly SemaphoreSlim _changed = new(0);
    private int _commands;

    private GdbProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Everything that gdb printed.</summary>
    public string Transcript
    {
        get
        {
            lock (_text)
                return _text.ToString();
        }
    }

    /// <summary>Starts gdb on a program, connected to a server's Unix socket.</summary>
    public static async Task<GdbProcess> ConnectAsync(string program, string socket)
    {
        var process = Process.Start(new ProcessStartInfo(
            "gdb-multiarch",
            ["-q", "-nx", "-iex", "set width 0", "-iex", "set height 0", "-iex", "set confirm off", "-iex", "set style enabled off",
             "-iex", "set debuginfod enabled off", "-iex", "set prompt", program])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new InvalidOperationException("gdb-multiarch did not start.");
        var gdb = new GdbProcess(process);
        try
        {
            await gdb.RunAsync($"target remote {socket}");
            return gdb;
        }
        catch
        {
            await gdb.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command to its end and returns what it printed.</summary>
    public async Task<string> RunAsync(string command) => await FinishAsync(await BeginAsync(command));

    /// <summary>Runs a command that prints a value, and returns it without its <c>$1 = </c>.</summary>
    public async Task<string> PrintAsync(string expression)
    {
        var printed = await RunAsync("print " + expression);
        return printed[(printed.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim();
    }

    /// <summary>Gives a command without waiting; <see cref="FinishAsync"/> takes what this returns.</summary>
    public async Task<(int Start, string Marker)> BeginAsync(string command)
    {
        int start;
        lock (_text)
            start = _text.Length;
        var marker = $"--done-{++_commands}--";
        await _process.StandardInput.WriteAsync($"{command}\necho {marker}\\n\n");
        await _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        return (start, marker);
    }

    /// <summary>Waits for a command's end.</summary>
    public async Task<string> FinishAsync((int Start, string Marker) command)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Patience);
        while (true)
        {
            lock (_text)
            {
                var text = _text.ToString(command.Start, _text.Length - command.Start);
                var end = text.IndexOf(command.Marker, StringComparison.Ordinal);
                if (end >= 0)
                    return text[..end].Trim();
            }

            try
            {
                await _changed.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"gdb did not finish a command. It printed:\n{Transcript}");
            }
        }
    }

    /// <summary>Ctrl-C.</summary>
    public async Task InterruptAsync()
    {
        using var kill = Process.Start("kill", ["-INT", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Goes away without a word to the server.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
        _changed.Dispose();
    }

    private void Append(string? line)
    {
        if (line is null)
            return;
        lock (_text)
            _text.Append(line).Append('\n');
        _changed.Release();
    }
}
