namespace CloudVm.Hypervisor.Machine;

/// <summary>Guest physical addresses and interrupts of the board, as QEMU's <c>virt</c> lays them out.</summary>
/// <remarks>
/// <code>
/// 0x0800_0000  GICD        64 KiB
/// 0x0808_0000  GITS        128 KiB
/// 0x080A_0000  GICR        128 KiB per PE
/// 0x0900_0000  PL011       SPI 1
/// 0x0901_0000  PL031       SPI 2
/// 0x0903_0000  PL061       SPI 7
/// 0x0A00_0000  virtio-mmio 512 bytes each, SPI 16 + n: console, rng, balloon, net, disks
/// 0x4000_0000  RAM
/// </code>
/// </remarks>
public static class MemoryMap
{
    public const ulong GicDistributor = 0x0800_0000;
    public const ulong GicIts = 0x0808_0000;
    public const ulong GicRedistributors = 0x080a_0000;
    public const ulong Uart = 0x0900_0000;
    public const ulong Rtc = 0x0901_0000;
    public const ulong Gpio = 0x0903_0000;
    public const ulong DevicePage = 0x1000;
    public const ulong Ram = 0x4000_0000;

    public const int UartSpi = 1;
    public const int RtcSpi = 2;
    public const int GpioSpi = 7;

    /// <summary>First virtio-mmio slot; slot n lies <see cref="VirtioBytes"/>·n above it and has SPI <see cref="VirtioSpi"/> + n.</summary>
    public const ulong Virtio = 0x0a00_0000;

    public const ulong VirtioBytes = 0x200;
    public const int VirtioSpi = 16;
    public const int VirtioSlots = 32;

    public const int VirtioConsoleSlot = 0;
    public const int VirtioRngSlot = 1;
    public const int VirtioBalloonSlot = 2;

    /// <summary>Empty in a machine without a network card.</summary>
    public const int VirtioNetSlot = 3;

    /// <summary>Disks have the slots from here on, in their order.</summary>
    public const int VirtioFirstDiskSlot = 4;

    public const int MaxDisks = VirtioSlots - VirtioFirstDiskSlot;
}
