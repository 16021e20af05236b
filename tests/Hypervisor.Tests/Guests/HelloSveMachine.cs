using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A machine for hello-sve: what differs from test to test.</summary>
/// <param name="HostProfile">A built-in host profile.</param>
/// <param name="VectorLengthsBits">The vCPUs' set; null for the whole set of the profile, empty for no SVE.</param>
internal sealed record HelloSveMachine(string HostProfile, int[]? VectorLengthsBits = null)
{
    public int CpuCount { get; init; } = 1;

    public string KernelPath { get; init; } = HelloSveImage.CommittedPath;

    public string AbiProfile { get; init; } = "linux-6.12";

    public MachineDefinition ToDefinition(HypervisorProcess process) => new()
    {
        VmId = Guid.CreateVersion7(),
        HostProfile = new HostProfileDefinition { Name = HostProfile },
        CpuCount = CpuCount,
        MemoryMiB = 16,
        SveEnabled = VectorLengthsBits is not [],
        VectorLengthsBits = VectorLengthsBits is [] ? null : VectorLengthsBits,
        AbiProfile = AbiProfile,
        Boot = new BootSource { KernelPath = KernelPath },
        ConsoleLogPath = process.ConsoleLogPath,
        ExitRecordPath = process.ExitRecordPath,
    };
}
