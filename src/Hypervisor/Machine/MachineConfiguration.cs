using System.Globalization;
using System.Text;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Devices.Virtio.Net;
using CloudVm.Hypervisor.Disks;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Machine;

/// <summary>A machine definition that has passed every check which needs no file.</summary>
internal sealed record MachineConfiguration(
    MachineDefinition Definition, HostProfile Host, AbiProfile Abi, IReadOnlyList<VqSet> VectorLengths)
{
    /// <summary>What KVM_ARM_VCPU_INIT takes for pointer authentication: both bits or neither.</summary>
    public const KvmVcpuFeatures Ptrauth = KvmVcpuFeatures.PtrauthAddress | KvmVcpuFeatures.PtrauthGeneric;

    private const int MinMemoryMiB = 4;
    private const int MaxMemoryMiB = 255 * 1024; // QEMU's virt ends RAM below 256 GiB without high memory

    /// <summary>What is left of the virtio slots after console, rng, balloon and network card.</summary>
    public const int MaxDisks = 28;

    /// <summary>VIRTIO_BLK_ID_BYTES: the name is the serial number that the guest reads.</summary>
    public const int MaxDiskNameLength = 20;

    public long RamBytes => (long)Definition.MemoryMiB << 20;

    /// <summary>Checks a definition.</summary>
    /// <param name="errors">Receives every fault.</param>
    /// <returns>The configuration, or null if there were faults.</returns>
    public static MachineConfiguration? Create(MachineDefinition definition, List<ControlProblemReason> errors)
    {
        if (definition.VmId == Guid.Empty)
            errors.Add(new("/vmId", "The VM needs an id."));
        if (definition.CpuCount is < 1 or > KvmVm.MaxVcpus)
            errors.Add(new("/cpuCount", $"A VM has 1 to {KvmVm.MaxVcpus} vCPUs, not {definition.CpuCount}."));
        if (definition.MemoryMiB is < MinMemoryMiB or > MaxMemoryMiB)
            errors.Add(new("/memoryMiB", $"A VM has {MinMemoryMiB} to {MaxMemoryMiB} MiB of memory, not {definition.MemoryMiB}."));
        var abi = AbiProfile.Find(definition.AbiProfile);
        if (abi is null)
        {
            errors.Add(new("/abiProfile",
                $"There is no ABI profile '{definition.AbiProfile}'; there are {string.Join(", ", AbiProfile.All.Select(p => p.Name))}."));
        }
        else if (definition.Ptrauth && (abi.KnownFeatures & (uint)Ptrauth) == 0)
        {
            errors.Add(new("/ptrauth", $"The ABI profile '{abi.Name}' has no pointer authentication."));
        }

        if (string.IsNullOrEmpty(definition.Boot?.KernelPath))
            errors.Add(new("/boot/kernelPath", "A kernel is needed."));
        CheckDisks(definition.Disks ?? [], errors);
        if (definition.Network is { } network)
            CheckNetwork(network, errors);
        var host = HostProfile.Create(definition.HostProfile, errors);
        var lengths = host is null || definition.CpuCount is < 1 or > KvmVm.MaxVcpus ? null : VectorLengthsOf(definition, host, errors);
        return errors.Count > 0 || host is null || abi is null || lengths is null ? null : new(definition, host, abi, lengths);
    }

    private static void CheckNetwork(NetworkDefinition network, List<ControlProblemReason> errors)
    {
        const int MaxSocketPathBytes = 107; // unix(7): sun_path without its terminator
        if (network.Backend is not ("none" or "passt"))
            errors.Add(new("/network/backend", $"There is no network backend '{network.Backend}'; there are none and passt."));
        if (network.Backend == "passt" && string.IsNullOrEmpty(network.SocketPath))
            errors.Add(new("/network/socketPath", "The backend passt needs its socket."));
        if (Encoding.UTF8.GetByteCount(network.SocketPath ?? string.Empty) > MaxSocketPathBytes)
            errors.Add(new("/network/socketPath", $"A socket's path has at most {MaxSocketPathBytes} bytes."));
        if (network.MacAddress is { } address && !MacAddress.TryParse(address, out _))
            errors.Add(new("/network/macAddress", $"'{address}' is no Ethernet address of a card, such as 02:00:5e:10:00:01."));
    }

    private static void CheckDisks(IReadOnlyList<DiskDefinition> disks, List<ControlProblemReason> errors)
    {
        if (disks.Count > MaxDisks)
            errors.Add(new("/disks", $"A VM has at most {MaxDisks} disks, not {disks.Count}."));
        for (var i = 0; i < disks.Count; i++)
        {
            var pointer = string.Create(CultureInfo.InvariantCulture, $"/disks/{i}");
            var disk = disks[i];
            if (disk.Name is not { Length: >= 1 and <= MaxDiskNameLength } || !disk.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
                errors.Add(new($"{pointer}/name", $"A disk's name has 1 to {MaxDiskNameLength} ASCII letters, digits, hyphens, underscores and dots."));
            else if (disks.Take(i).Any(other => other.Name == disk.Name))
                errors.Add(new($"{pointer}/name", $"There are two disks named '{disk.Name}'."));
            if (string.IsNullOrEmpty(disk.OverlayPath))
                errors.Add(new($"{pointer}/overlayPath", "A disk needs a path for its overlay."));
            if (disk.SizeBytes <= 0 || disk.SizeBytes % OverlayDisk.SectorBytes != 0 || disk.SizeBytes > OverlayDisk.MaxSizeBytes)
                errors.Add(new($"{pointer}/sizeBytes", $"A disk has a positive multiple of {OverlayDisk.SectorBytes} bytes, at most {OverlayDisk.MaxSizeBytes}, not {disk.SizeBytes}."));
        }
    }

    private static VqSet[] VectorLengthsOf(MachineDefinition definition, HostProfile host, List<ControlProblemReason> errors)
    {
        var map = VectorLengthMap.Of(host);
        var sets = new VqSet[definition.CpuCount];
        if (!definition.SveEnabled)
        {
            if (definition.VectorLengthsBits is { Count: > 0 } || definition.PerCpu is { Count: > 0 })
                errors.Add(new("/sveEnabled", "Vector lengths are given, but SVE is not enabled."));
            return sets;
        }

        if (map.Virtualisable.IsEmpty)
        {
            errors.Add(new("/sveEnabled", $"The host profile '{host.Name}' offers no SVE."));
            return sets;
        }

        Array.Fill(sets, definition.VectorLengthsBits is null
            ? map.Virtualisable
            : Legal(definition.VectorLengthsBits, map, "/vectorLengthsBits", errors));
        var perCpu = definition.PerCpu ?? [];
        for (var i = 0; i < perCpu.Count; i++)
        {
            var pointer = string.Create(CultureInfo.InvariantCulture, $"/perCpu/{i}");
            if (perCpu[i].Index < 0 || perCpu[i].Index >= sets.Length)
                errors.Add(new($"{pointer}/index", $"There is no vCPU {perCpu[i].Index}."));
            else
                sets[perCpu[i].Index] = Legal(perCpu[i].VectorLengthsBits, map, $"{pointer}/vectorLengthsBits", errors);
        }

        return sets;
    }

    /// <summary>The virtualisable set cut off at the wanted maximum must be what was asked for.</summary>
    private static VqSet Legal(IReadOnlyList<int> lengthsBits, VectorLengthMap map, string pointer, List<ControlProblemReason> errors)
    {
        var faults = new List<string>();
        var wanted = VqSet.FromBits(lengthsBits, faults);
        if (faults.Count == 0 && (wanted.IsEmpty || wanted != map.Virtualisable.CutAt(wanted.Max)))
        {
            var legal = map.Virtualisable.ToLengthsBits().Select(bits => $"{{{map.Virtualisable.CutAt(bits / 128)}}}");
            faults.Add($"{{{wanted}}} is no legal set of vector lengths here; legal are {string.Join(", ", legal)}.");
        }

        errors.AddRange(faults.Select(fault => new ControlProblemReason(pointer, fault)));
        return wanted;
    }
}
