namespace CloudVm.Hypervisor.Devices.Pl031;

/// <summary>Register offsets of the PrimeCell real-time clock (Arm DDI 0224).</summary>
internal static class Pl031Registers
{
    public const ulong DR = 0x00;
    public const ulong MR = 0x04;
    public const ulong LR = 0x08;
    public const ulong CR = 0x0c;
    public const ulong IMSC = 0x10;
    public const ulong RIS = 0x14;
    public const ulong MIS = 0x18;
    public const ulong ICR = 0x1c;

    /// <summary>PeriphID: part 0x031, designer 0x41 (Arm).</summary>
    public const uint PeripheralId = 0x0004_1031;
}
