using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Contracts.Control;

/// <summary>Everything a Hypervisor process needs to build its machine (<c>POST /configure</c>, once per process).</summary>
public sealed record MachineDefinition
{
    /// <summary>The VM this process runs from now on; later handshakes name it.</summary>
    public required Guid VmId { get; init; }

    /// <summary>The emulated physical host.</summary>
    public required HostProfileDefinition HostProfile { get; init; }

    /// <summary>Number of vCPUs, 1 to 64.</summary>
    public required int CpuCount { get; init; }

    /// <summary>Guest RAM in MiB, at least 4.</summary>
    public required int MemoryMiB { get; init; }

    /// <summary>Whether the vCPUs get SVE. True on a host profile without SVE is an error.</summary>
    public bool SveEnabled { get; init; }

    /// <summary>
    /// Vector lengths of every vCPU in bits. Absent means the whole virtualisable set of the host profile; a set that is not that
    /// set cut off at a maximum is an error. Must be absent when <see cref="SveEnabled"/> is false.
    /// </summary>
    public IReadOnlyList<int>? VectorLengthsBits { get; init; }

    /// <summary>Sets for single vCPUs, which win over <see cref="VectorLengthsBits"/>.</summary>
    public IReadOnlyList<PerCpuVectorLengths>? PerCpu { get; init; }

    /// <summary>Whether the vCPUs get pointer authentication. True with an ABI profile that does not know it is an error.</summary>
    public bool Ptrauth { get; init; }

    /// <summary><c>linux-6.12</c>, <c>linux-6.1</c> or <c>rfc-2018</c>.</summary>
    public string AbiProfile { get => field ?? "linux-6.12"; init; }

    /// <summary>What is loaded at start and at every reset.</summary>
    public required BootSource Boot { get; init; }

    /// <summary>virtio-blk disks in order (/dev/vda, vdb, …); null or empty: none.</summary>
    public IReadOnlyList<DiskDefinition>? Disks { get; init; }

    /// <summary>The virtio-net card; null: no network card.</summary>
    public NetworkDefinition? Network { get; init; }

    /// <summary>File that every byte of console output is appended to; it is created when missing. Absent: no log is kept.</summary>
    public string? ConsoleLogPath { get; init; }

    /// <summary>File that receives the <see cref="ExitRecord"/>, replaced atomically.</summary>
    public string? ExitRecordPath { get; init; }

    /// <summary>Unix socket of the GDB server; <see cref="ControlProtocol.DebuggerSocketName"/> in the process's directory when left out.</summary>
    public string? DebuggerSocketPath { get; init; }
}

/// <summary>Vector lengths in bits of one vCPU.</summary>
public sealed record PerCpuVectorLengths(int Index, IReadOnlyList<int> VectorLengthsBits);

/// <summary>An emulated host: its CPUs with the vector lengths that each implements.</summary>
public sealed record HostProfileDefinition
{
    /// <summary>The profile's name; shown in errors and recorded in state.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// One entry per physical CPU. Absent means the built-in profile of this name; a name that is not built in must bring its CPUs.
    /// </summary>
    public IReadOnlyList<HostCpuDefinition>? Cpus { get; init; }

    /// <summary>What guests get where CPUs differ in vector lengths.</summary>
    public VectorLengthPolicy VectorLengthPolicy { get; init; }
}

/// <summary>One physical CPU of an emulated host.</summary>
public sealed record HostCpuDefinition
{
    /// <summary>Vector lengths in bits, multiples of 128 up to 2048; empty means a CPU without SVE.</summary>
    public required IReadOnlyList<int> VectorLengthsBits { get; init; }

    /// <summary>MIDR_EL1 as hexadecimal text (<c>0x410fd490</c>); absent means the built-in default.</summary>
    public string? Midr { get; init; }
}

/// <summary>Kernel and companions on the node's file system. The files are guest-supplied and therefore hostile.</summary>
public sealed record BootSource
{
    /// <summary>ELF64 executable, arm64 Linux <c>Image</c> (may be gzip-compressed) or flat binary, told apart by content.</summary>
    public required string KernelPath { get; init; }

    /// <summary>Initial RAM disk, given to the kernel by the device tree.</summary>
    public string? InitrdPath { get; init; }

    /// <summary>Device tree blob to use in place of the generated one.</summary>
    public string? DtbPath { get; init; }

    /// <summary>Kernel command line (<c>/chosen/bootargs</c>).</summary>
    public string? CommandLine { get; init; }
}

/// <summary>A disk: a read-only base that VMs share, or nothing, and over it a copy-on-write overlay that is this VM's own.</summary>
public sealed record DiskDefinition
{
    /// <summary>1 to 20 ASCII letters, digits, dots, hyphens or underscores; the disk's virtio serial number, unique in the VM.</summary>
    public required string Name { get; init; }

    /// <summary>Raw image below the overlay, opened read-only; bytes past its end read as zero. Absent: the disk begins as zeroes.</summary>
    public string? BasePath { get; init; }

    /// <summary>The overlay's data file; what has been allocated is in the journal beside it. It is created when both are missing.</summary>
    public required string OverlayPath { get; init; }

    /// <summary>Size in bytes, a multiple of 512, at least the base's. An overlay that is smaller grows; one that is larger is refused.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>The guest may not write.</summary>
    public bool ReadOnly { get; init; }
}

/// <summary>A virtio-net card and what it is connected to.</summary>
public sealed record NetworkDefinition
{
    /// <summary><c>none</c> (every packet is dropped) or <c>passt</c>.</summary>
    public required string Backend { get; init; }

    /// <summary>Unix socket of passt, needed for that backend.</summary>
    public string? SocketPath { get; init; }

    /// <summary>Six hexadecimal octets with colons, unicast; absent: derived from the VM's id.</summary>
    public string? MacAddress { get; init; }
}
