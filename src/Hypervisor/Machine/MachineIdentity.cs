using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Machine;

/// <summary>The section that says which machine a state belongs to; nothing in it is taken over, everything must match.</summary>
internal sealed class MachineIdentity(MachineConfiguration configuration) : ISnapshottable
{
    public string SectionName => "machine";

    public ushort SectionVersion => 1;

    public void Save(StateWriter writer)
    {
        writer.WriteString(configuration.Abi.Name);
        writer.WriteInt32(configuration.Definition.CpuCount);
        writer.WriteInt32(configuration.Definition.MemoryMiB);
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
        return reasons.Count > 0 ? throw new StateFormatException(reasons, incompatible: true) : static () => { };
    }
}
