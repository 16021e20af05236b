namespace CloudVm.Hypervisor.Machine;

/// <summary>Guest physical addresses and interrupts of the board, as QEMU's <c>virt</c> lays them out.</summary>
/// <remarks>
/// <code>
/// 0x0800_0000  GICD        64 KiB
/// 0x080A_0000  GICR        128 KiB per PE
/// 0x0900_0000  PL011       SPI 1
/// 0x0901_0000  PL031       SPI 2
/// 0x0903_0000  PL061       SPI 7
/// 0x0A00_0000  virtio-mmio 512 bytes each, SPI 16 + n
/// 0x4000_0000  RAM
/// </code>
/// </remarks>
public static class MemoryMap
{
    public const ulong GicDistributor = 0x0800_0000;
    public const ulong GicRedistributors = 0x080a_0000;
    public const ulong Uart = 0x0900_0000;
    public const ulong Rtc = 0x0901_0000;
    public const ulong Gpio = 0x0903_0000;
    public const ulong DevicePage = 0x1000;
    public const ulong Ram = 0x4000_0000;

    public const int UartSpi = 1;
    public const int RtcSpi = 2;
    public const int GpioSpi = 7;
}
