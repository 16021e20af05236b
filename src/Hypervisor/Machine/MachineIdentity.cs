using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Machine;

/// <summary>The section that says which machine a state belongs to; nothing in it is taken over, everything must match.</summary>
internal sealed class MachineIdentity(MachineConfiguration configuration) : ISnapshottable
{
    public string SectionName => "machine";

    public ushort SectionVersion => 2;

    public void Save(StateWriter writer)
    {
        writer.WriteString(configuration.Abi.Name);
        writer.WriteInt32(configuration.Definition.CpuCount);
        writer.WriteInt32(configuration.Definition.MemoryMiB);
        var disks = configuration.Definition.Disks ?? [];
        writer.WriteInt32(disks.Count);
        foreach (var disk in disks)
        {
            writer.WriteString(disk.Name);
            writer.WriteInt64(disk.SizeBytes);
            writer.WriteBoolean(disk.ReadOnly);
        }
    }

    public Action PrepareRestore(StateReader reader)
    {
        var reasons = new List<string>();
        var abi = reader.ReadString();
        if (abi != configuration.Abi.Name)
            reasons.Add($"The state has the ABI profile {abi}, this machine {configuration.Abi.Name}.");
        var cpus = reader.ReadInt32();
        if (cpus != configuration.Definition.CpuCount)
            reasons.Add($"The state has {cpus} vCPUs, this machine {configuration.Definition.CpuCount}.");
        var memory = reader.ReadInt32();
        if (memory != configuration.Definition.MemoryMiB)
            reasons.Add($"The state has {memory} MiB of memory, this machine {configuration.Definition.MemoryMiB}.");
        CompareDisks(reader, reasons);
        return reasons.Count > 0 ? throw new StateFormatException(reasons, incompatible: true) : static () => { };
    }

    private void CompareDisks(StateReader reader, List<string> reasons)
    {
        var disks = configuration.Definition.Disks ?? [];
        var count = reader.ReadInt32();
        if (count is < 0 or > MachineConfiguration.MaxDisks)
            throw new StateFormatException($"Section {SectionName} names {count} disks.");
        if (count != disks.Count)
            reasons.Add($"The state has {count} disks, this machine {disks.Count}.");
        for (var i = 0; i < count; i++)
        {
            var name = reader.ReadString(MachineConfiguration.MaxDiskNameLength);
            var size = reader.ReadInt64();
            var isReadOnly = reader.ReadBoolean();
            if (i < disks.Count && (name != disks[i].Name || size != disks[i].SizeBytes || isReadOnly != disks[i].ReadOnly))
                reasons.Add($"Disk {i} is {Describe(name, size, isReadOnly)} in the state and {Describe(disks[i].Name, disks[i].SizeBytes, disks[i].ReadOnly)} here.");
        }
    }

    private static string Describe(string name, long sizeBytes, bool isReadOnly) =>
        $"'{name}' of {sizeBytes} bytes{(isReadOnly ? ", read-only" : string.Empty)}";
}
