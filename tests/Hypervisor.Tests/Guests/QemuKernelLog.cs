using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>The kernel log of the same image under Debian's QEMU: what is normal for this kernel on such a board.</summary>
internal static class QemuKernelLog
{
    private const string Prompt = "debian:~# ";
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    /// <summary>Boots to the shell and returns <c>dmesg -r</c>.</summary>
    public static async Task<string> ReadAsync(DebianImage image, int cpus)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(Deadline);
        using var qemu = Process.Start(new ProcessStartInfo("qemu-system-aarch64",
        [
            "-M", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on", "-smp", cpus.ToString(CultureInfo.InvariantCulture), "-m", "256",
            "-nographic", "-nic", "none", "-kernel", image.KernelPath, "-initrd", image.InitrdPath, "-append", image.CommandLine,
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("qemu-system-aarch64 did not start.");
        try
        {
            await ReadToPromptAsync(qemu, timeout.Token);
            await qemu.StandardInput.WriteAsync("dmesg -r\n".AsMemory(), timeout.Token);
            await qemu.StandardInput.FlushAsync(timeout.Token);
            return await ReadToPromptAsync(qemu, timeout.Token);
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task<string> ReadToPromptAsync(Process qemu, CancellationToken ct)
    {
        StringBuilder text = new();
        var buffer = new char[4096];
        while (!text.ToString().Contains("\n" + Prompt, StringComparison.Ordinal))
        {
            var count = await qemu.StandardOutput.ReadAsync(buffer, ct);
            if (count == 0)
                throw new InvalidOperationException($"QEMU ended early:\n{text}");
            text.Append(buffer, 0, count);
        }

        return text.ToString();
    }
}
