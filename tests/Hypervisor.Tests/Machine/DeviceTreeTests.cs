using System.Diagnostics;
using CloudVm.Hypervisor.Machine;

namespace CloudVm.Hypervisor.Tests.Machine;

public sealed class DeviceTreeTests
{
    [Fact]
    public async Task DtcUnderstandsTheTreeAndFindsTheBoard()
    {
        var blob = DeviceTree.Build(new DeviceTreeOptions([0, 1, 0x100], [0, 5], 64 << 20, "console=ttyAMA0 quiet", (0x4800_0000, 0x4900_0000), new byte[40]));

        var (source, errors) = await DecompileAsync(blob);

        Assert.DoesNotContain("ERROR", errors, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("bootargs = \"console=ttyAMA0 quiet\";", source, StringComparison.Ordinal);
        Assert.Contains("linux,initrd-end = <0x00 0x49000000>;", source, StringComparison.Ordinal);
        Assert.Contains("cpu@100 {", source, StringComparison.Ordinal);
        Assert.Contains("reg = <0x00 0x40000000 0x00 0x4000000>;", source, StringComparison.Ordinal);
        Assert.Contains("reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00 0x60000>;", source, StringComparison.Ordinal);
        Assert.Contains("interrupts = <0x01 0x0d 0x04 0x01 0x0e 0x04 0x01 0x0b 0x04 0x01 0x0a 0x04>;", source, StringComparison.Ordinal);
        Assert.Contains("virtio_mmio@a000a00 {", source, StringComparison.Ordinal);
        Assert.Contains("reg = <0x00 0xa000a00 0x00 0x200>;", source, StringComparison.Ordinal);
        Assert.Contains("interrupts = <0x00 0x15 0x01>;", source, StringComparison.Ordinal);
        Assert.Contains("method = \"hvc\";", source, StringComparison.Ordinal);
    }

    private static async Task<(string Source, string Errors)> DecompileAsync(byte[] blob)
    {
        var ct = TestContext.Current.CancellationToken;
        using var dtc = Process.Start(new ProcessStartInfo("dtc", "-I dtb -O dts -")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = dtc.StandardOutput.ReadToEndAsync(ct);
        var errors = dtc.StandardError.ReadToEndAsync(ct);
        await dtc.StandardInput.BaseStream.WriteAsync(blob, ct);
        dtc.StandardInput.Close();
        await dtc.WaitForExitAsync(ct);
        Assert.Equal(0, dtc.ExitCode);
        return (await output, await errors);
    }
}
