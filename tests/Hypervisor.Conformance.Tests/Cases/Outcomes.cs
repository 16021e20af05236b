namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>How an instruction ends, as the Linux signal that user space would see.</summary>
internal static class Outcomes
{
    public const uint Undefined = 4;
    public const uint Completed = 5;
    public const uint Misaligned = 7;
    public const uint MemoryFault = 11;
}
