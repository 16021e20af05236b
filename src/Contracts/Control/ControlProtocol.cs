namespace CloudVm.Contracts.Control;

/// <summary>Names and constants of the protocol spoken on a Hypervisor process's Unix socket (HTTP/1.1, JSON in camelCase).</summary>
public static class ControlProtocol
{
    /// <summary>Raised when a message changes incompatibly; <see cref="HelloResponse.ProtocolVersion"/> carries the server's.</summary>
    public const int Version = 1;

    /// <summary>
    /// Header of every mutating call: the caller's lease epoch as a decimal number. The process remembers the highest epoch it
    /// has seen and refuses a lower one with 409 and code <see cref="ProblemCodes.StaleEpoch"/>; a missing one is 400.
    /// </summary>
    public const string EpochHeader = "X-CloudVm-Epoch";

    /// <summary>Header of state and memory answers: lower-case SHA-256 (hex) of the body.</summary>
    public const string BodyHashHeader = "X-CloudVm-Sha256";

    /// <summary>Guest memory is tracked, saved and restored in pieces of this many bytes.</summary>
    public const int ChunkBytes = 64 * 1024;

    /// <summary>Most chunks that one <c>GET</c> or <c>PUT /memory/chunk-data</c> moves.</summary>
    public const int MaxChunksPerTransfer = 256;

    /// <summary>Largest body of one <c>GET</c> or <c>PUT /memory</c>, in bytes.</summary>
    public const int MaxMemoryBytes = 16 * 1024 * 1024;

    /// <summary>Name of the GDB server's Unix socket in the process's directory.</summary>
    public const string DebuggerSocketName = "gdb.sock";

    /// <summary>Paths of the protocol, relative to the socket.</summary>
    public static class Paths
    {
        public const string Hello = "/hello";
        public const string Configure = "/configure";
        public const string Start = "/start";
        public const string Pause = "/pause";
        public const string Resume = "/resume";
        public const string Reset = "/reset";
        public const string Stop = "/stop";
        public const string PowerButton = "/power-button";
        public const string Fence = "/fence";
        public const string Status = "/status";
        public const string Counters = "/counters";
        public const string Registers = "/vcpus/{index}/registers";
        public const string Register = "/vcpus/{index}/registers/{register}";
        public const string RegisterList = "/vcpus/{index}/register-list";
        public const string Memory = "/memory";
        public const string MemoryChunks = "/memory/chunks";
        public const string MemoryChunkData = "/memory/chunk-data";
        public const string MemoryDirtyEpoch = "/memory/dirty-epoch";
        public const string Disks = "/disks";
        public const string DiskBlocks = "/disks/blocks";
        public const string DiskBlockData = "/disks/block-data";
        public const string State = "/state";
        public const string RestoreBegin = "/restore/begin";
        public const string Console = "/console";

        /// <summary>PUT opens the GDB server's door on a free loopback port, DELETE closes it; the status says where it is.</summary>
        public const string Debugger = "/debugger";
        public const string DeviceEvents = "/device-events";
        public const string Balloon = "/balloon";
        public const string ConsoleMarker = "/console/marker";
    }

    /// <summary>Stable <c>code</c> values of problem answers.</summary>
    public static class ProblemCodes
    {
        public const string StaleEpoch = "stale-epoch";
        public const string MissingEpoch = "missing-epoch";
        public const string InvalidRequest = "invalid-request";
        public const string InvalidDefinition = "invalid-definition";
        public const string InvalidState = "invalid-state";
        public const string InvalidRegister = "invalid-register";
        public const string IncompatibleState = "incompatible-state";
        public const string CorruptState = "corrupt-state";
        public const string NotFound = "not-found";
        public const string Internal = "internal";
    }
}
