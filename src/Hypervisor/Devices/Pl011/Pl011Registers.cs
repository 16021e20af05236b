namespace CloudVm.Hypervisor.Devices.Pl011;

/// <summary>Register offsets and bits of the PrimeCell UART (Arm DDI 0183).</summary>
internal static class Pl011Registers
{
    public const ulong DR = 0x000;
    public const ulong RSR = 0x004;
    public const ulong FR = 0x018;
    public const ulong ILPR = 0x020;
    public const ulong IBRD = 0x024;
    public const ulong FBRD = 0x028;
    public const ulong LCR_H = 0x02c;
    public const ulong CR = 0x030;
    public const ulong IFLS = 0x034;
    public const ulong IMSC = 0x038;
    public const ulong RIS = 0x03c;
    public const ulong MIS = 0x040;
    public const ulong ICR = 0x044;
    public const ulong DMACR = 0x048;

    public const uint FrCts = 1 << 0;
    public const uint FrDsr = 1 << 1;
    public const uint FrDcd = 1 << 2;
    public const uint FrRxfe = 1 << 4;
    public const uint FrRxff = 1 << 6;
    public const uint FrTxfe = 1 << 7;

    public const uint LcrFifoEnable = 1 << 4;

    public const uint CrUartEnable = 1 << 0;
    public const uint CrLoopback = 1 << 7;
    public const uint CrTxEnable = 1 << 8;
    public const uint CrRxEnable = 1 << 9;

    public const uint IntRx = 1 << 4;
    public const uint IntTx = 1 << 5;
    public const uint IntRxTimeout = 1 << 6;
    public const uint IntAll = 0x7ff;

    /// <summary>PeriphID: part 0x011, designer 0x41 (Arm), revision 1.</summary>
    public const uint PeripheralId = 0x0014_1011;
}
