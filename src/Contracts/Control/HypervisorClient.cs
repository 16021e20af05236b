using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using static CloudVm.Contracts.Control.ControlProtocol;

namespace CloudVm.Contracts.Control;

/// <summary>
/// Client of one Hypervisor process. Failures: <see cref="HypervisorControlException"/> when the process refuses,
/// <see cref="HttpRequestException"/> when it cannot be reached, <see cref="InvalidDataException"/> when a body arrives damaged.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class HypervisorClient : IDisposable
{
    private static readonly Uri BaseUri = new("http://hypervisor/");

    private readonly SocketsHttpHandler _handler;
    private readonly HttpClient _http;

    /// <summary>Connects lazily to the Unix socket at <paramref name="socketPath"/>.</summary>
    /// <param name="socketPath">At most 107 bytes, a limit of the kernel.</param>
    /// <param name="epoch">The lease epoch that mutating calls carry; see <see cref="Epoch"/>.</param>
    public HypervisorClient(string socketPath, long epoch = 0)
    {
        SocketPath = socketPath;
        Epoch = epoch;
        _handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, ct) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), ct).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        _http = new HttpClient(_handler, disposeHandler: false) { BaseAddress = BaseUri, Timeout = TimeSpan.FromSeconds(60) };
    }

    /// <summary>The socket this client talks to.</summary>
    public string SocketPath { get; }

    /// <summary>Lease epoch sent with every mutating call; raise it when the lease is claimed anew.</summary>
    public long Epoch { get; set; }

    /// <summary>Identifies the process; changes nothing.</summary>
    public Task<HelloResponse> HelloAsync(CancellationToken ct = default) =>
        GetAsync(Paths.Hello, ControlJsonContext.Default.HelloResponse, ct);

    /// <summary>Builds the machine. All faults of the definition come back at once (422).</summary>
    public Task<MachineStatus> ConfigureAsync(MachineDefinition definition, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.Configure, JsonContent.Create(definition, ControlJsonContext.Default.MachineDefinition), ct);

    /// <summary>Loads the boot files and runs the vCPUs. Starting a running machine is a no-op.</summary>
    public Task<MachineStatus> StartAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Post, Paths.Start, null, ct);

    /// <summary>Returns when every vCPU stands at a safe point. Pausing a paused machine is a no-op.</summary>
    public Task<MachineStatus> PauseAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Post, Paths.Pause, null, ct);

    /// <summary>Lets a paused (or freshly restored) machine run.</summary>
    public Task<MachineStatus> ResumeAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Post, Paths.Resume, null, ct);

    /// <summary>Power-cycles the machine: memory zeroed, boot files loaded anew; it then runs (or stays paused if it was).</summary>
    public Task<MachineStatus> ResetAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Post, Paths.Reset, null, ct);

    /// <summary>Ends the machine and, after the answer, the process.</summary>
    public Task<MachineStatus> StopAsync(bool force, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.Stop, JsonContent.Create(new StopRequest(force), ControlJsonContext.Default.StopRequest), ct);

    /// <summary>
    /// Asks the running guest to shut down: presses the power button (PL061) and writes <c>cloudvm:shutdown</c> to the agent's console
    /// port. What the guest makes of it shows later, by its end; <see cref="MachineStatus.ListensForShutdown"/> says whether it can.
    /// </summary>
    public Task<MachineStatus> PressPowerButtonAsync(CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.PowerButton, null, ct);

    /// <summary>Raises the process's epoch to <see cref="Epoch"/> without any other effect: older callers are shut out.</summary>
    public Task<MachineStatus> FenceAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Post, Paths.Fence, null, ct);

    /// <summary>What the machine does now.</summary>
    public Task<MachineStatus> StatusAsync(CancellationToken ct = default) =>
        GetAsync(Paths.Status, ControlJsonContext.Default.MachineStatus, ct);

    /// <summary>Registers of one vCPU (404 for an index that does not exist).</summary>
    public Task<VcpuRegisters> RegistersAsync(int index, CancellationToken ct = default) =>
        GetAsync(VcpuPath(Paths.Registers, index), ControlJsonContext.Default.VcpuRegisters, ct);

    /// <summary>Ids, names and sizes of one vCPU's registers, in the kernel's order.</summary>
    public async Task<IReadOnlyList<RegisterInfo>> RegisterListAsync(int index, CancellationToken ct = default) =>
        (await GetAsync(VcpuPath(Paths.RegisterList, index), ControlJsonContext.Default.RegisterList, ct).ConfigureAwait(false)).Registers;

    /// <summary>One register by id or name (404 for what the vCPU does not have).</summary>
    public Task<RegisterContent> RegisterAsync(int index, string register, CancellationToken ct = default) =>
        GetAsync(VcpuPath(Paths.Register, index).Replace("{register}", Uri.EscapeDataString(register), StringComparison.Ordinal),
            ControlJsonContext.Default.RegisterContent, ct);

    /// <summary>Writes registers of a paused machine's vCPU: all of them, or none (422 with every reason).</summary>
    /// <param name="index">The vCPU.</param>
    /// <param name="registers">What becomes what, in order.</param>
    /// <param name="validateOnly">Takes everything back again.</param>
    /// <param name="ct">Cancels.</param>
    public Task<MachineStatus> WriteRegistersAsync(
        int index, IReadOnlyList<RegisterWrite> registers, bool validateOnly = false, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, VcpuPath(Paths.Registers, index),
            JsonContent.Create(new RegisterWriteRequest(registers, validateOnly), ControlJsonContext.Default.RegisterWriteRequest), ct);

    /// <summary>Event counters since the process started.</summary>
    public Task<MachineCounters> CountersAsync(CancellationToken ct = default) =>
        GetAsync(Paths.Counters, ControlJsonContext.Default.MachineCounters, ct);

    /// <summary>What devices reported after the event numbered <paramref name="after"/>, as far as it is kept.</summary>
    public async Task<IReadOnlyList<DeviceEvent>> DeviceEventsAsync(long after, CancellationToken ct = default) =>
        (await GetAsync(string.Create(CultureInfo.InvariantCulture, $"{Paths.DeviceEvents}?after={after}"), ControlJsonContext.Default.DeviceEventList, ct)
            .ConfigureAwait(false)).Events;

    /// <summary>The memory balloon.</summary>
    public Task<BalloonStatus> BalloonAsync(CancellationToken ct = default) =>
        GetAsync(Paths.Balloon, ControlJsonContext.Default.BalloonStatus, ct);

    /// <summary>Asks the guest to give up <paramref name="targetBytes"/> of its memory; 0 gives all of it back.</summary>
    public Task<MachineStatus> SetBalloonAsync(long targetBytes, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.Balloon, JsonContent.Create(new BalloonRequest(targetBytes), ControlJsonContext.Default.BalloonRequest), ct);

    /// <summary>Opens the GDB server's door on a free port of the process's loopback address; an open one stays as it is.</summary>
    /// <returns>The status, whose <see cref="MachineStatus.Debugger"/> says where the door is.</returns>
    public Task<MachineStatus> OpenDebuggerAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Put, Paths.Debugger, null, ct);

    /// <summary>Closes the door and ends the session that came through it; the guest goes on.</summary>
    public Task<MachineStatus> CloseDebuggerAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Delete, Paths.Debugger, null, ct);

    /// <summary>Reads guest memory, which must lie in RAM and be at most <see cref="MaxMemoryBytes"/> long.</summary>
    public Task<byte[]> ReadMemoryAsync(ulong gpa, int length, CancellationToken ct = default) =>
        GetBytesAsync(string.Create(CultureInfo.InvariantCulture, $"{Paths.Memory}?gpa=0x{gpa:x}&length={length}"), ct);

    /// <summary>Writes guest memory; the limits are those of <see cref="ReadMemoryAsync"/>.</summary>
    public Task<MachineStatus> WriteMemoryAsync(ulong gpa, ReadOnlyMemory<byte> data, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, string.Create(CultureInfo.InvariantCulture, $"{Paths.Memory}?gpa=0x{gpa:x}"), Bytes(data), ct);

    /// <summary>Binary machine state without memory; the machine must be paused (409 otherwise).</summary>
    public Task<byte[]> GetStateAsync(CancellationToken ct = default) => GetBytesAsync(Paths.State, ct);

    /// <summary>
    /// Clears memory, prepares new overlays for the disks, and enters <see cref="MachineState.Restoring"/>. Then put the chunks, then <see cref="PutStateAsync"/>. A restore
    /// that is interrupted leaves the machine in this state; begin again or stop it.
    /// </summary>
    public Task<MachineStatus> BeginRestoreAsync(CancellationToken ct = default) => BeginRestoreAsync([], ct);

    /// <summary>As <see cref="BeginRestoreAsync(CancellationToken)"/>, for a machine with disks.</summary>
    /// <param name="disks">Where each disk's new overlay is to be: all of the machine's disks.</param>
    /// <param name="ct">Cancels.</param>
    public Task<MachineStatus> BeginRestoreAsync(IReadOnlyList<RestoreDisk> disks, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.RestoreBegin,
            disks.Count > 0 ? JsonContent.Create(new BeginRestoreRequest(disks), ControlJsonContext.Default.BeginRestoreRequest) : null, ct);

    /// <summary>
    /// Completes a restore: all of the state is checked (422 <c>corrupt-state</c> or <c>incompatible-state</c>, with every reason) before
    /// any of it is taken over. The machine is then <see cref="MachineState.Paused"/>, and viewers' scrollback is as at the snapshot.
    /// </summary>
    public Task<MachineStatus> PutStateAsync(ReadOnlyMemory<byte> state, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, Paths.State, Bytes(state), ct);

    /// <summary>Which chunks hold data and which were written in the running dirty epoch.</summary>
    public Task<MemoryChunkMap> GetChunkMapAsync(CancellationToken ct = default) =>
        GetAsync(Paths.MemoryChunks, ControlJsonContext.Default.MemoryChunkMap, ct);

    /// <summary>Begins a new dirty epoch (all chunks clean); the machine must be paused, or the mark would race with the guest.</summary>
    public Task<MachineStatus> BeginDirtyEpochAsync(CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.MemoryDirtyEpoch, null, ct);

    /// <summary>Contents of <paramref name="count"/> chunks (at most <see cref="MaxChunksPerTransfer"/>).</summary>
    public Task<byte[]> GetChunksAsync(int first, int count, CancellationToken ct = default) =>
        GetBytesAsync(string.Create(CultureInfo.InvariantCulture, $"{Paths.MemoryChunkData}?first={first}&count={count}"), ct);

    /// <summary>Writes whole chunks during a restore; chunks that are never put stay zero.</summary>
    public Task<MachineStatus> PutChunksAsync(int first, ReadOnlyMemory<byte> data, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, string.Create(CultureInfo.InvariantCulture, $"{Paths.MemoryChunkData}?first={first}"), Bytes(data), ct);

    /// <summary>The machine's disks and how much of each its overlay holds.</summary>
    public Task<MachineDisks> DisksAsync(CancellationToken ct = default) =>
        GetAsync(Paths.Disks, ControlJsonContext.Default.MachineDisks, ct);

    /// <summary>Which blocks of a disk its overlay holds, and which were changed in the running dirty epoch (404 for a disk that does not exist).</summary>
    public Task<DiskBlockMap> GetBlockMapAsync(string disk, CancellationToken ct = default) =>
        GetAsync($"{Paths.DiskBlocks}?disk={Uri.EscapeDataString(disk)}", ControlJsonContext.Default.DiskBlockMap, ct);

    /// <summary>Contents of <paramref name="count"/> blocks (at most <see cref="MaxChunksPerTransfer"/>) as the guest sees them.</summary>
    public Task<byte[]> GetBlocksAsync(string disk, int first, int count, CancellationToken ct = default) =>
        GetBytesAsync(BlockPath(disk, first, count), ct);

    /// <summary>Writes whole blocks during a restore; blocks that are never put stay the base's.</summary>
    public Task<MachineStatus> PutBlocksAsync(string disk, int first, ReadOnlyMemory<byte> data, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, BlockPath(disk, first, data.Length / ChunkBytes), Bytes(data), ct);

    /// <summary>Makes blocks zeros during a restore, however many.</summary>
    public Task<MachineStatus> ZeroBlocksAsync(string disk, int first, int count, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Delete, BlockPath(disk, first, count), null, ct);

    /// <summary>Adds a marker line to the stored log; viewers do not see it.</summary>
    public Task<MachineStatus> AppendConsoleMarkerAsync(string text, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, Paths.ConsoleMarker,
            JsonContent.Create(new ConsoleMarkerRequest(text), ControlJsonContext.Default.ConsoleMarkerRequest), ct);

    /// <summary>
    /// Attaches to the console. Text messages are <see cref="ConsoleFrame"/>s; binary messages are output, and binary messages that the
    /// caller sends are typed into the UART.
    /// </summary>
    /// <param name="from">Offset in the viewers' timeline to replay from; what is no longer kept is left out.</param>
    public async Task<WebSocket> AttachConsoleAsync(long from, CancellationToken ct = default)
    {
        var socket = new ClientWebSocket();
        try
        {
            using var invoker = new HttpMessageInvoker(_handler, disposeHandler: false);
            var uri = new Uri(string.Create(CultureInfo.InvariantCulture, $"ws://hypervisor{Paths.Console}?from={from}"));
            await socket.ConnectAsync(uri, invoker, ct).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _handler.Dispose();
    }

    private static string VcpuPath(string path, int index) =>
        path.Replace("{index}", index.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static string BlockPath(string disk, int first, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{Paths.DiskBlockData}?disk={Uri.EscapeDataString(disk)}&first={first}&count={count}");

    private static ReadOnlyMemoryContent Bytes(ReadOnlyMemory<byte> data)
    {
        var content = new ReadOnlyMemoryContent(data);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add(BodyHashHeader, Convert.ToHexStringLower(SHA256.HashData(data.Span)));
        return content;
    }

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct)
    {
        using var response = await _http.GetAsync(path, ct).ConfigureAwait(false);
        return await ReadAsync(response, type, ct).ConfigureAwait(false);
    }

    private async Task<MachineStatus> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Add(EpochHeader, Epoch.ToString(CultureInfo.InvariantCulture));
        using var response = await _http.SendAsync(request, ct).ConfigureAwait(false);
        return await ReadAsync(response, ControlJsonContext.Default.MachineStatus, ct).ConfigureAwait(false);
    }

    private async Task<byte[]> GetBytesAsync(string path, CancellationToken ct)
    {
        using var response = await _http.GetAsync(path, ct).ConfigureAwait(false);
        await ThrowIfRefusedAsync(response, ct).ConfigureAwait(false);
        var body = await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false);
        if (response.Headers.TryGetValues(BodyHashHeader, out var hashes)
            && !string.Equals(hashes.First(), Convert.ToHexStringLower(SHA256.HashData(body)), StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException($"The answer to {path} does not match its hash.");
        return body;
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken ct)
    {
        await ThrowIfRefusedAsync(response, ct).ConfigureAwait(false);
        return await response.Content.ReadFromJsonAsync(type, ct).ConfigureAwait(false)
            ?? throw new InvalidDataException("The Hypervisor answered null.");
    }

    private static async Task ThrowIfRefusedAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (response.IsSuccessStatusCode)
            return;
        ControlProblem? problem = null;
        if (response.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            try
            {
                problem = await response.Content.ReadFromJsonAsync(ControlJsonContext.Default.ControlProblem, ct).ConfigureAwait(false);
            }
            catch (JsonException)
            {
                // A garbled problem still is a refusal; the status line is reported in its place.
            }
        }

        throw new HypervisorControlException(problem ?? new ControlProblem
        {
            Title = response.ReasonPhrase ?? "Refused",
            Status = (int)response.StatusCode,
            Code = response.StatusCode == HttpStatusCode.NotFound ? ProblemCodes.NotFound : ProblemCodes.Internal,
        });
    }
}
