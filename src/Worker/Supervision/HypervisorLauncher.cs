using System.Collections.Concurrent;
using System.ComponentModel;
using System.Net.Sockets;
using System.Security.Cryptography;
using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Supervision;

/// <summary>Starts Hypervisor processes, and finds those that an earlier Worker started.</summary>
public sealed class HypervisorLauncher(WorkerOptions options, NodePaths paths, ExitMonitor monitor, TimeProvider time)
{
    private const int LogTailBytes = 4096;

    private static readonly TimeSpan ReadyDeadline = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan HandshakeDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ReadyPoll = TimeSpan.FromMilliseconds(10);

    /// <summary>Managed heap of a Hypervisor process; guest memory lies outside it. A hostile guest must not grow the process past this.</summary>
    private const string HeapLimitBytes = "0x18000000";

    private readonly ConcurrentDictionary<string, bool> _known = new(StringComparer.Ordinal);

    /// <summary>Starts an idle process and returns once it has answered a handshake.</summary>
    /// <exception cref="HypervisorStartException">It did not start, ended at once, or speaks another protocol version.</exception>
    public async Task<HypervisorInstance> StartAsync(CancellationToken ct)
    {
        string name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
        _known[name] = true;
        string directory = Path.Combine(paths.Pool, name);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string log = Path.Combine(directory, "hypervisor.log");
        HypervisorInstance? instance = null;
        try
        {
            instance = new(Spawn(name, directory, log), new HypervisorClient(paths.Socket(name)), name);
            await WaitUntilReadyAsync(instance, log, ct).ConfigureAwait(false);
            return instance;
        }
        catch
        {
            if (instance is not null)
            {
                await instance.Process.KillAsync(CancellationToken.None).ConfigureAwait(false);
                instance.Dispose();
            }

            Cleanup(name);
            throw;
        }
    }

    /// <summary>
    /// Takes hold of a process that already lives, and proves by a handshake that the socket is that process's.
    /// </summary>
    /// <returns>Null when the process has ended.</returns>
    /// <exception cref="HypervisorStartException">It lives, but does not answer or speaks another protocol version.</exception>
    public async Task<(HypervisorInstance Instance, HelloResponse Hello)?> TryAttachAsync(
        ProcessIdentity identity, string socketPath, CancellationToken ct)
    {
        SupervisedProcess? process = SupervisedProcess.TryAttach(monitor, identity);
        if (process is null)
            return null;
        HypervisorInstance instance = new(process, new HypervisorClient(socketPath), Path.GetFileNameWithoutExtension(socketPath));
        try
        {
            HelloResponse hello = await HandshakeAsync(instance, ct).ConfigureAwait(false);
            _known[instance.Name] = true;
            return (instance, hello);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            bool ended = !identity.IsAlive;
            instance.Dispose();
            return ended ? null : throw new HypervisorStartException($"Process {identity.ProcessId} lives but does not answer on {socketPath}.", failure);
        }
        catch
        {
            instance.Dispose();
            throw;
        }
    }

    /// <summary>Asks whoever listens on a socket who it is. Null when nobody does.</summary>
    public static async Task<HelloResponse?> TryHelloAsync(string socketPath, CancellationToken ct)
    {
        using HypervisorClient client = new(socketPath);
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(HandshakeDeadline);
        try
        {
            return await client.HelloAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception silent) when (silent is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Whether this Worker started the process of that name, or holds or held it; others are an earlier Worker's.</summary>
    public bool Knows(string name) => _known.ContainsKey(name);

    /// <summary>Whether the process runs the executable that this Worker starts.</summary>
    public bool IsCurrentBuild(ProcessIdentity process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.ProcessId}/cmdline").Split('\0').Take(2).Contains(options.HypervisorPath, StringComparer.Ordinal);
        }
        catch (IOException)
        {
            return false; // Ended meanwhile.
        }
    }

    /// <summary>Removes the socket and pool directory of a process that has ended.</summary>
    public void Cleanup(string name)
    {
        _known.TryRemove(name, out _);
        File.Delete(paths.Socket(name));
        string directory = Path.Combine(paths.Pool, name);
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }

    private SupervisedProcess Spawn(string name, string directory, string log)
    {
        bool isLibrary = options.HypervisorPath.EndsWith(".dll", StringComparison.Ordinal);
        string[] serve =
            ["serve", "--socket", paths.Socket(name), "--dir", directory, "--exit-record", Path.Combine(directory, "exit.json")];
        try
        {
            int pid = DetachedProcess.Start(
                isLibrary ? FindDotnet() : options.HypervisorPath,
                isLibrary ? [options.HypervisorPath, .. serve] : serve,
                GuestFacingEnvironment(),
                log);

            // Until somebody waits for this child its PID cannot be reused, so the identity read here is the child's.
            if (ProcessIdentity.TryRead(pid, out ProcessIdentity identity) && SupervisedProcess.TryAttach(monitor, identity) is { } process)
            {
                PreferAsMemoryVictim(pid);
                return process;
            }
        }
        catch (Win32Exception failure)
        {
            throw new HypervisorStartException($"'{options.HypervisorPath}' could not be executed: {failure.Message}.", failure);
        }

        throw new HypervisorStartException($"The Hypervisor process ended at once.{Tail(log)}");
    }

    /// <summary>Only what the runtime needs: the process faces a hostile guest and gets neither credentials nor addresses.</summary>
    internal static Dictionary<string, string> GuestFacingEnvironment()
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal) { ["DOTNET_GCHeapHardLimit"] = HeapLimitBytes };
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            string key = (string)variable.Key;
            if (key is "PATH" or "HOME" or "LANG" or "TMPDIR" || key.StartsWith("DOTNET_", StringComparison.Ordinal))
                environment[key] = (string)variable.Value!;
        }

        return environment;
    }

    internal static string FindDotnet() =>
        Environment.ProcessPath is { } self && Path.GetFileName(self) == "dotnet"
            ? self
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
                .Select(directory => Path.Combine(directory, "dotnet"))
                .FirstOrDefault(File.Exists)
              ?? throw new HypervisorStartException("CLOUDVM_HYPERVISOR names a .dll, but there is no 'dotnet' on the PATH.");

    /// <summary>When memory runs out the kernel is to end a guest rather than the database or the Worker.</summary>
    private static void PreferAsMemoryVictim(int pid)
    {
        try
        {
            File.WriteAllText($"/proc/{pid}/oom_score_adj", "500");
        }
        catch (Exception unsupported) when (unsupported is IOException or UnauthorizedAccessException)
        {
            // The process may have ended already; where the kernel refuses, it chooses by size alone, which is its default.
        }
    }

    private async Task WaitUntilReadyAsync(HypervisorInstance instance, string log, CancellationToken ct)
    {
        long began = time.GetTimestamp();
        while (true)
        {
            if (instance.Process.Exited.IsCompleted)
            {
                ProcessExit exit = await instance.Process.Exited.ConfigureAwait(false);
                throw new HypervisorStartException($"The Hypervisor process {exit.Describe()} before it was ready.{Tail(log)}");
            }

            try
            {
                await HandshakeAsync(instance, ct).ConfigureAwait(false);
                return;
            }
            catch (HttpRequestException notYet) when (notYet.InnerException is SocketException && time.GetElapsedTime(began) < ReadyDeadline)
            {
                await Task.Delay(ReadyPoll, time, ct).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
            {
                throw new HypervisorStartException($"The Hypervisor process was not ready in time: {failure.Message}{Tail(log)}", failure);
            }
        }
    }

    private static async Task<HelloResponse> HandshakeAsync(HypervisorInstance instance, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(HandshakeDeadline);
        HelloResponse hello = await instance.Client.HelloAsync(deadline.Token).ConfigureAwait(false);
        if (hello.ProtocolVersion != ControlProtocol.Version)
            throw new HypervisorStartException(
                $"Process {hello.ProcessId} speaks control protocol {hello.ProtocolVersion}, this Worker speaks {ControlProtocol.Version}.");
        if (hello.ProcessId != instance.Identity.ProcessId || hello.ProcessStartTime != instance.Identity.StartTime)
            throw new HypervisorStartException(
                $"The socket of process {instance.Identity.ProcessId} is answered by process {hello.ProcessId}.");
        return hello;
    }

    private static string Tail(string log)
    {
        if (!File.Exists(log))
            return "";
        byte[] text = File.ReadAllBytes(log);
        int start = Math.Max(0, text.Length - LogTailBytes);
        return text.Length == 0 ? "" : " Its last output: " + System.Text.Encoding.UTF8.GetString(text, start, text.Length - start).Trim();
    }
}
