using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A whole Debian on a disk at work. Its image takes minutes to make and so does the work, so only on request.</summary>
public sealed class DebianRootfsTests : IDisposable
{
    private const int Cpus = 4;
    private const long DiskBytes = 2L << 30;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-rootfs-");

    private string Overlay => Path.Combine(_folder.FullName, "overlay");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(Explicit = true)]
    public async Task Packages_processes_files_and_parallel_compression_give_correct_results_without_a_kernel_message()
    {
        var image = await DebianImage.GetAsync("debian-12-rootfs");
        await using var guest = await DebianGuest.BootAsync(image, Cpus, definition => WithDisk(definition, image, Overlay));

        Assert.Equal("", await guest.RunAsync("dpkg --audit", Patience));

        // The image knows what packages there are, but nobody answers for the mirror's name.
        var (aptStatus, apt) = await guest.TryAsync("apt-get install -y --download-only hello", Patience);
        Assert.Equal(100, aptStatus);
        Assert.Contains("E: Failed to fetch ", apt, StringComparison.Ordinal);

        // Each process ends with a status of its own, so one that is lost or swapped changes the sum.
        var forks = await guest.RunAsync("s=0; for i in $(seq 2000); do (exit $((i % 7))); s=$((s + $?)); done; echo $s", Patience);
        Assert.Equal($"{Enumerable.Range(1, 2000).Sum(i => i % 7)}\n", forks);

        // Two implementations of the sum, on the stream and on what was written of it.
        var sums = await guest.RunAsync(
            "head -c 64M /dev/urandom | tee /srv/noise | sha256sum; busybox sha256sum </srv/noise; stat -c %s /srv/noise", Patience);
        var lines = sums.Split('\n');
        Assert.Equal(lines[0], lines[1]);
        Assert.Equal($"{64 << 20}", lines[2]);

        await guest.RunAsync("seq 1 1500000 >/srv/numbers; xz -T4 -1 --block-size=1MiB -k /srv/numbers", Patience);
        Assert.Equal("", await guest.RunAsync("xz -dc /srv/numbers.xz | cmp - /srv/numbers", Patience));
        Assert.Empty(await guest.ReadWarningsAsync());

        await guest.TypeAsync("poweroff");
        Assert.Equal(MachineExitReason.GuestOff, (await guest.WaitForEndAsync()).Reason);
    }

    [Fact(Explicit = true)]
    public async Task After_a_killed_Hypervisor_what_was_synced_is_there_and_the_file_system_is_sound()
    {
        var image = await DebianImage.GetAsync("debian-12-rootfs");
        string written;
        await using (var guest = await DebianGuest.BootAsync(image, Cpus, definition => WithDisk(definition, image, Overlay)))
        {
            await guest.RunAsync("dd if=/dev/urandom of=/srv/kept bs=1M count=32 conv=fsync 2>/dev/null && sync /srv", Patience);
            written = await guest.RunAsync("sha256sum /srv/kept", Patience);
            await guest.TypeAsync("while :; do cp /srv/kept /srv/lost; rm /srv/lost; done");
            await Task.Delay(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken);
        } // Disposal kills the process while it writes.

        await using var again = await DebianGuest.BootAsync(image, Cpus, definition => WithDisk(definition, image, Overlay) with
        {
            Boot = definition.Boot with { CommandLine = image.CommandLine + " ro init=/bin/bash" },
        });
        Assert.Equal(written, await again.RunAsync("sha256sum /srv/kept", Patience));
        Assert.Matches("debian: [0-9]+/[0-9]+ files", await again.RunAsync("e2fsck -f -n /dev/vda", Patience));
    }

    [Fact(Explicit = true)]
    public async Task A_snapshot_during_parallel_compression_goes_on_in_another_process_to_the_right_result()
    {
        var image = await DebianImage.GetAsync("debian-12-rootfs");
        SavedMachine saved;
        string expected;
        await using (var guest = await DebianGuest.BootAsync(image, Cpus, definition => WithDisk(definition, image, Overlay)))
        {
            await guest.RunAsync("seq 1 1500000 >/srv/numbers; sync", Patience);
            expected = await guest.RunAsync("sha256sum </srv/numbers", Patience);
            await guest.TypeAsync(
                "(xz -T4 -1 --block-size=1MiB -k /srv/numbers && xz -dc /srv/numbers.xz | sha256sum | sed 's/^/\\nunpacked: /') &");
            await guest.RunAsync("until [ -s /srv/numbers.xz ]; do sleep 0.1; done", Patience);
            saved = await SavedMachine.SaveAsync(guest.Client);
            Assert.DoesNotContain("\nunpacked: ", guest.ConsoleText, StringComparison.Ordinal);
        }

        var overlay = Path.Combine(_folder.FullName, "restored");
        await using var restored = await DebianGuest.RestoreAsync(image, Cpus, saved,
            [new RestoreDisk("root", overlay)], definition => WithDisk(definition, image, Path.Combine(_folder.FullName, "empty")));
        await restored.WaitForTextAsync("^unpacked: " + expected.TrimEnd(), deadline: Patience);
        Assert.Empty(await restored.ReadWarningsAsync());
        Assert.Equal("", await restored.RunAsync("dpkg --audit", Patience));
    }

    private static MachineDefinition WithDisk(MachineDefinition definition, DebianImage image, string overlay) => definition with
    {
        MemoryMiB = 512,
        Disks = [new DiskDefinition { Name = "root", BasePath = image.DiskPath, OverlayPath = overlay, SizeBytes = DiskBytes }],
    };
}
