namespace CloudVm.Contracts.Control;

/// <summary>
/// Answer of <c>GET /vcpus/{n}/registers</c>. Numbers are hexadecimal text (<c>0x…</c>, 16 digits) because they exceed what JSON
/// numbers carry. Reading briefly stops the vCPU at a safe point.
/// </summary>
public sealed record VcpuRegisters
{
    public required int Index { get; init; }

    /// <summary>False when PSCI holds the vCPU off.</summary>
    public required bool Online { get; init; }

    /// <summary>X0 to X30.</summary>
    public required IReadOnlyList<string> X { get; init; }

    public required string Pc { get; init; }

    public required string SpEl0 { get; init; }

    public required string SpEl1 { get; init; }

    /// <summary>PSTATE in SPSR layout.</summary>
    public required string Pstate { get; init; }

    public required string Fpcr { get; init; }

    public required string Fpsr { get; init; }

    /// <summary>Largest vector length of the vCPU in bits; 0 without SVE (V registers are then <see cref="Z"/> of 128 bits).</summary>
    public required int MaxVectorLengthBits { get; init; }

    /// <summary>Vector length in bits that ZCR_EL1 selects now; 0 without SVE.</summary>
    public required int VectorLengthBits { get; init; }

    /// <summary>Z0 to Z31 at the largest vector length: hexadecimal bytes, byte 0 (least significant) first.</summary>
    public required IReadOnlyList<string> Z { get; init; }

    /// <summary>P0 to P15, one bit per vector byte, byte 0 first; empty without SVE.</summary>
    public required IReadOnlyList<string> P { get; init; }

    /// <summary>The first-fault register, as <see cref="P"/>; null without SVE.</summary>
    public string? Ffr { get; init; }

    /// <summary>EL1 and EL0 system registers by Arm's name.</summary>
    public required IReadOnlyDictionary<string, string> System { get; init; }
}

/// <summary>Answer of <c>GET /counters</c>: monotonic since the process started (not part of state).</summary>
public sealed record MachineCounters(
    ulong RetiredInstructions,
    ulong MmioAccesses,
    ulong InterruptsDelivered,
    IReadOnlyList<VcpuCounters> Vcpus,
    IReadOnlyList<UndefinedEncoding> UndefinedEncodings);

/// <summary>Counters of one vCPU.</summary>
public sealed record VcpuCounters
{
    public required int Index { get; init; }

    public required ulong RetiredInstructions { get; init; }

    /// <summary>Exits of the engine to the KVM layer by reason (<c>fpTrap</c>, <c>dataAbort</c>, <c>wfi</c>, …).</summary>
    public required IReadOnlyDictionary<string, ulong> Exits { get; init; }

    /// <summary>FP/SIMD traps taken (EC 0x07).</summary>
    public required ulong FpTraps { get; init; }

    /// <summary>SVE traps taken (EC 0x19).</summary>
    public required ulong SveTraps { get; init; }

    /// <summary>Loads of the guest's FP/SVE state into a physical CPU.</summary>
    public required ulong FpLoads { get; init; }

    /// <summary>Saves of the guest's FP/SVE state out of a physical CPU.</summary>
    public required ulong FpSaves { get; init; }

    /// <summary>Changes of the effective vector length.</summary>
    public required ulong VectorLengthChanges { get; init; }

    public required ulong TlbMisses { get; init; }

    public required ulong BlocksDecoded { get; init; }
}

/// <summary>An instruction word that decoded as UNDEFINED, and how often.</summary>
public sealed record UndefinedEncoding(string Word, ulong Count);

/// <summary>Something that a device reports: a driver that broke a rule, failing host storage, a lost network.</summary>
/// <param name="Sequence">Number of the event, from 1 in each process.</param>
/// <param name="Time">Host time.</param>
/// <param name="Device">The device's name, such as <c>virtio-blk vda</c>.</param>
/// <param name="Message">What happened; it continues a sentence that begins with the device's name.</param>
public sealed record DeviceEvent(long Sequence, DateTimeOffset Time, string Device, string Message);

/// <summary>Answer of <c>GET /device-events?after=N</c>: the kept events after number N, oldest first.</summary>
public sealed record DeviceEventList(IReadOnlyList<DeviceEvent> Events);

/// <summary>Answer of <c>GET /balloon</c>; sizes in bytes.</summary>
/// <param name="TargetBytes">What the guest shall give up.</param>
/// <param name="ActualBytes">What the guest says it has given up.</param>
/// <param name="InflatedBytes">Returned to the host by inflating, in total since the process started.</param>
/// <param name="ReportedBytes">Returned to the host by the guest's reports of free pages, in total since the process started.</param>
/// <param name="Statistics">The guest's latest memory statistics by name; asking has newer ones fetched for the next time.</param>
public sealed record BalloonStatus(
    long TargetBytes, long ActualBytes, long InflatedBytes, long ReportedBytes, IReadOnlyDictionary<string, ulong> Statistics);

/// <summary>Body of <c>POST /balloon</c>.</summary>
/// <param name="TargetBytes">What the guest shall give up, a multiple of 4096 and at most its memory.</param>
public sealed record BalloonRequest(long TargetBytes);

/// <summary>Answer of <c>GET /memory/chunks</c>. Bitmaps: bit (i mod 8) of byte (i / 8) is chunk i.</summary>
/// <param name="BaseAddress">Guest physical address of chunk 0, hexadecimal.</param>
/// <param name="ChunkBytes">Always <see cref="ControlProtocol.ChunkBytes"/>.</param>
/// <param name="ChunkCount">Chunks of RAM.</param>
/// <param name="DirtyEpoch">Number of the running dirty epoch; <c>POST /memory/dirty-epoch</c> begins the next.</param>
/// <param name="Touched">Chunks that may hold something other than zero.</param>
/// <param name="Dirty">Chunks written since the running epoch began.</param>
public sealed record MemoryChunkMap(
    string BaseAddress, int ChunkBytes, int ChunkCount, long DirtyEpoch, byte[] Touched, byte[] Dirty);

/// <summary>Answer of <c>GET /disks</c>, in the definition's order.</summary>
public sealed record MachineDisks(IReadOnlyList<DiskStatus> Disks);

/// <summary>A disk as it is now.</summary>
/// <param name="Name">Its name.</param>
/// <param name="SizeBytes">What the guest sees.</param>
/// <param name="AllocatedBytes">What the overlay holds itself, in whole blocks.</param>
/// <param name="ReadOnly">The guest may not write.</param>
public sealed record DiskStatus(string Name, long SizeBytes, long AllocatedBytes, bool ReadOnly);

/// <summary>Answer of <c>GET /disks/blocks</c>. Bitmaps: bit (i mod 8) of byte (i / 8) is block i. Blocks in neither of the first two are the base's.</summary>
/// <param name="Name">The disk.</param>
/// <param name="SizeBytes">Its size; the last block may reach beyond it, and is zero there.</param>
/// <param name="BlockBytes">Always <see cref="ControlProtocol.ChunkBytes"/>.</param>
/// <param name="BlockCount">Blocks of the disk.</param>
/// <param name="DirtyEpoch">As in <see cref="MemoryChunkMap"/>; the epoch is the machine's.</param>
/// <param name="Data">Blocks that the overlay holds.</param>
/// <param name="Zero">Blocks that are zero whatever the base holds.</param>
/// <param name="Dirty">Blocks changed since the running epoch began.</param>
public sealed record DiskBlockMap(
    string Name, long SizeBytes, int BlockBytes, int BlockCount, long DirtyEpoch, byte[] Data, byte[] Zero, byte[] Dirty);

/// <summary>Body of <c>POST /restore/begin</c>; may be left out for a machine without disks.</summary>
/// <param name="Disks">One entry for every disk of the machine.</param>
public sealed record BeginRestoreRequest(IReadOnlyList<RestoreDisk> Disks);

/// <summary>Where a disk's new overlay is to be; what lies there is replaced. The present overlay stays until the restore is complete.</summary>
public sealed record RestoreDisk(string Name, string OverlayPath);

/// <summary>
/// Text message on the console socket; binary messages are console bytes. <c>replay</c> comes first and after each restore: the
/// viewer clears its screen, then the bytes from <see cref="Offset"/> on follow. <c>end</c> says why the console closed.
/// </summary>
/// <param name="Type"><c>replay</c> or <c>end</c>.</param>
/// <param name="Offset">Offset in the viewers' timeline of the next byte.</param>
/// <param name="Detail">Marker text or end reason.</param>
public sealed record ConsoleFrame(string Type, long Offset, string? Detail);

/// <summary>Problem details (RFC 9457) of a refused control call.</summary>
/// <remarks>Defaults sit in the getters: generated JSON code sets every init-only member, absent ones to null.</remarks>
public sealed record ControlProblem
{
    public string Type { get => field ?? "about:blank"; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    /// <summary>One of <see cref="ControlProtocol.ProblemCodes"/>.</summary>
    public required string Code { get; init; }

    public string? Detail { get; init; }

    /// <summary>Every reason, not the first.</summary>
    public IReadOnlyList<ControlProblemReason> Errors { get => field ?? []; init; }

    /// <summary>On <see cref="ControlProtocol.ProblemCodes.StaleEpoch"/>: the epoch that the process holds.</summary>
    public long? Epoch { get; init; }
}

/// <summary>One reason of a refusal.</summary>
/// <param name="Pointer">JSON pointer into the request, or empty.</param>
/// <param name="Detail">What is wrong and what would be right.</param>
public sealed record ControlProblemReason(string Pointer, string Detail);
