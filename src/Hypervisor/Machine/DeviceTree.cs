using System.Globalization;
using CloudVm.Hypervisor.Gic;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Machine;

/// <summary>What the device tree says beyond the fixed board.</summary>
/// <param name="Affinities">MPIDR_EL1 affinity of each PE, in order.</param>
/// <param name="VirtioSlots">Slots of virtio devices that are there.</param>
/// <param name="RamBytes">Bytes of RAM.</param>
/// <param name="CommandLine"><c>/chosen/bootargs</c>.</param>
/// <param name="Initrd">Where the initial RAM disk lies, end exclusive.</param>
/// <param name="Seed">Entropy for <c>/chosen/rng-seed</c> and <c>kaslr-seed</c>: 40 bytes, or empty for none.</param>
internal sealed record DeviceTreeOptions(
    IReadOnlyList<ulong> Affinities, IReadOnlyList<int> VirtioSlots, long RamBytes, string? CommandLine, (ulong Start, ulong End)? Initrd, byte[] Seed);

/// <summary>Describes the board to the guest.</summary>
internal static class DeviceTree
{
    private const uint PhandleGic = 1;
    private const uint PhandleClock = 2;
    private const uint PhandleGpio = 3;
    private const uint PhandleIts = 4;

    private const uint Spi = 0;
    private const uint Ppi = 1;
    private const uint EdgeRising = 1;
    private const uint LevelHigh = 4;

    public static byte[] Build(DeviceTreeOptions options)
    {
        var fdt = new FdtWriter();
        fdt.Begin("")
            .Text("compatible", "linux,dummy-virt")
            .Text("model", "CloudVm virtual machine")
            .Cells("#address-cells", 2)
            .Cells("#size-cells", 2)
            .Cells("interrupt-parent", PhandleGic);
        WriteChosen(fdt, options);
        fdt.Begin(Node("memory", MemoryMap.Ram))
            .Text("device_type", "memory")
            .Cells64("reg", MemoryMap.Ram, (ulong)options.RamBytes)
            .End();
        WriteCpus(fdt, options.Affinities);
        fdt.Begin("psci")
            .Text("compatible", "arm,psci-1.0", "arm,psci-0.2")
            .Text("method", "hvc")
            .End();
        WriteTimer(fdt);
        WriteGic(fdt, options.Affinities.Count);
        fdt.Begin("apb-pclk")
            .Text("compatible", "fixed-clock")
            .Cells("#clock-cells", 0)
            .Cells("clock-frequency", 24_000_000)
            .Text("clock-output-names", "clk24mhz")
            .Cells("phandle", PhandleClock)
            .End();
        WriteDevices(fdt);
        WriteVirtio(fdt, options.VirtioSlots);
        return fdt.End().ToBlob();
    }

    private static string Node(string name, ulong address) => string.Create(CultureInfo.InvariantCulture, $"{name}@{address:x}");

    private static void WriteChosen(FdtWriter fdt, DeviceTreeOptions options)
    {
        fdt.Begin("chosen").Text("stdout-path", "/" + Node("pl011", MemoryMap.Uart));
        if (options.CommandLine is { } commandLine)
            fdt.Text("bootargs", commandLine);
        if (options.Initrd is var (start, end))
            fdt.Cells64("linux,initrd-start", start).Cells64("linux,initrd-end", end);
        if (options.Seed.Length == 40)
            fdt.Bytes("rng-seed", options.Seed.AsSpan(0, 32)).Bytes("kaslr-seed", options.Seed.AsSpan(32, 8));
        fdt.End();
    }

    private static void WriteCpus(FdtWriter fdt, IReadOnlyList<ulong> affinities)
    {
        fdt.Begin("cpus").Cells("#address-cells", 1).Cells("#size-cells", 0);
        foreach (var affinity in affinities)
        {
            fdt.Begin(Node("cpu", affinity))
                .Text("device_type", "cpu")
                .Text("compatible", "arm,armv8")
                .Text("enable-method", "psci")
                .Cells("reg", (uint)affinity)
                .End();
        }

        fdt.End();
    }

    /// <summary>Secure physical, physical, virtual and hypervisor timers, in the binding's order (arm,arch_timer.yaml).</summary>
    private static void WriteTimer(FdtWriter fdt) =>
        fdt.Begin("timer")
            .Text("compatible", "arm,armv8-timer", "arm,armv7-timer")
            .Flag("always-on")
            .Cells("interrupts",
                Ppi, 13, LevelHigh,
                Ppi, GenericTimers.PhysicalIntId - 16, LevelHigh,
                Ppi, GenericTimers.VirtualIntId - 16, LevelHigh,
                Ppi, 10, LevelHigh)
            .End();

    private static void WriteGic(FdtWriter fdt, int cpuCount) =>
        fdt.Begin(Node("intc", MemoryMap.GicDistributor))
            .Text("compatible", "arm,gic-v3")
            .Flag("interrupt-controller")
            .Cells("#interrupt-cells", 3)
            .Cells("#address-cells", 2)
            .Cells("#size-cells", 2)
            .Flag("ranges")
            .Cells("#redistributor-regions", 1)
            .Cells64("reg",
                MemoryMap.GicDistributor, GicV3.DistributorBytes,
                MemoryMap.GicRedistributors, GicV3.RedistributorBytes * (ulong)cpuCount)
            .Cells("phandle", PhandleGic)
            .Begin(Node("its", MemoryMap.GicIts))
            .Text("compatible", "arm,gic-v3-its")
            .Flag("msi-controller")
            .Cells("#msi-cells", 1)
            .Cells64("reg", MemoryMap.GicIts, Its.FrameBytes)
            .Cells("phandle", PhandleIts)
            .End()
            .End();

    private static void WriteDevices(FdtWriter fdt)
    {
        Device(fdt, "pl011", MemoryMap.Uart, MemoryMap.UartSpi, "arm,pl011", "arm,primecell")
            .Cells("clocks", PhandleClock, PhandleClock)
            .Text("clock-names", "uartclk", "apb_pclk")
            .End();
        Device(fdt, "pl031", MemoryMap.Rtc, MemoryMap.RtcSpi, "arm,pl031", "arm,primecell")
            .Cells("clocks", PhandleClock)
            .Text("clock-names", "apb_pclk")
            .End();
        Device(fdt, "pl061", MemoryMap.Gpio, MemoryMap.GpioSpi, "arm,pl061", "arm,primecell")
            .Cells("clocks", PhandleClock)
            .Text("clock-names", "apb_pclk")
            .Flag("gpio-controller")
            .Cells("#gpio-cells", 2)
            .Flag("interrupt-controller")
            .Cells("#interrupt-cells", 2)
            .Cells("phandle", PhandleGpio)
            .End();
        const uint KeyPower = 116;
        fdt.Begin("gpio-keys")
            .Text("compatible", "gpio-keys")
            .Begin("poweroff")
            .Text("label", "GPIO Key Poweroff")
            .Cells("linux,code", KeyPower)
            .Cells("gpios", PhandleGpio, Devices.Pl061.Pl061.PowerButton, 0)
            .End()
            .End();
    }

    /// <summary>Slots without a device have no node: an empty one would cost the guest a probe.</summary>
    private static void WriteVirtio(FdtWriter fdt, IReadOnlyList<int> slots)
    {
        foreach (var slot in slots)
        {
            var address = MemoryMap.Virtio + (MemoryMap.VirtioBytes * (ulong)slot);
            fdt.Begin(Node("virtio_mmio", address))
                .Text("compatible", "virtio,mmio")
                .Cells64("reg", address, MemoryMap.VirtioBytes)
                .Cells("interrupts", Spi, (uint)(MemoryMap.VirtioSpi + slot), EdgeRising)
                .Flag("dma-coherent")
                .End();
        }
    }

    private static FdtWriter Device(FdtWriter fdt, string name, ulong address, int spi, params ReadOnlySpan<string> compatible) =>
        fdt.Begin(Node(name, address))
            .Text("compatible", compatible)
            .Cells64("reg", address, MemoryMap.DevicePage)
            .Cells("interrupts", Spi, (uint)spi, LevelHigh);
}
