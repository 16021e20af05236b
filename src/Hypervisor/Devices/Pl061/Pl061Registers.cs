namespace CloudVm.Hypervisor.Devices.Pl061;

/// <summary>Register offsets of the PrimeCell GPIO (Arm DDI 0190). GPIODATA takes address bits [9:2] as the mask of lines.</summary>
internal static class Pl061Registers
{
    public const ulong DataEnd = 0x400;
    public const ulong DIR = 0x400;
    public const ulong IS = 0x404;
    public const ulong IBE = 0x408;
    public const ulong IEV = 0x40c;
    public const ulong IE = 0x410;
    public const ulong RIS = 0x414;
    public const ulong MIS = 0x418;
    public const ulong IC = 0x41c;
    public const ulong AFSEL = 0x420;

    /// <summary>PeriphID: part 0x061, designer 0x41 (Arm).</summary>
    public const uint PeripheralId = 0x0004_1061;
}
