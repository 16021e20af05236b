using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>Debian's driver on overlays: what a guest was told is written stays, and goes along with its snapshots. On request.</summary>
public sealed class DebianDiskTests : IDisposable
{
    private const long DiskBytes = 64L << 20;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-dd-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact(Explicit = true)]
    public async Task What_was_synced_survives_a_killed_process_and_a_restore_brings_the_disk_of_that_moment()
    {
        var image = await DebianImage.GetAsync("debian-12-cloud");
        var ct = TestContext.Current.CancellationToken;
        await File.WriteAllBytesAsync(In("base"), [.. Enumerable.Repeat((byte)'b', 1 << 20)], ct);
        string synced;
        await using (var guest = await DebianGuest.BootAsync(image, 1, WithDisks("first")))
        {
            Assert.Equal("67108864\ndata\n", await guest.RunAsync("echo $(($(cat /sys/block/vda/size) * 512)); cat /sys/block/vda/serial; echo"));
            Assert.Equal("1\n", await guest.RunAsync("cat /sys/block/vdb/ro"));
            Assert.Equal("bbbb\n", await guest.RunAsync("dd if=/dev/vdb bs=4 count=1 2>/dev/null; echo"));
            await guest.RunAsync("dd if=/dev/urandom of=/dev/vda bs=64k count=100 seek=3 conv=notrunc,fsync 2>/dev/null");
            synced = await guest.RunAsync(Digest);
            await guest.TypeAsync("while :; do dd if=/dev/urandom of=/dev/vda bs=64k count=100 seek=500 conv=notrunc 2>/dev/null; done");
            await Task.Delay(TimeSpan.FromSeconds(1), ct);
        } // Disposal kills the process while it writes.

        SavedMachine saved;
        await using (var guest = await DebianGuest.BootAsync(image, 1, WithDisks("first")))
        {
            Assert.Equal(synced, await guest.RunAsync(Digest));
            Assert.Empty(await guest.ReadWarningsAsync());
            saved = await SavedMachine.SaveAsync(guest.Client);
            await guest.Client.ResumeAsync(ct);
            await guest.RunAsync("dd if=/dev/zero of=/dev/vda bs=64k count=100 seek=3 conv=notrunc,fsync 2>/dev/null");
            Assert.NotEqual(synced, await guest.RunAsync(Digest));
        }

        await using var restored = await DebianGuest.RestoreAsync(
            image, 1, saved, [new RestoreDisk("data", In("restored")), new RestoreDisk("cd", In("cd-restored"))], WithDisks("empty"));
        Assert.Equal(synced, await restored.RunAsync(Digest));
        await restored.RunAsync("dd if=/dev/zero of=/dev/vda bs=64k count=1 conv=notrunc,fsync 2>/dev/null");
        Assert.Empty(await restored.ReadWarningsAsync());
    }

    /// <summary>Reads from the device, not from the guest's memory: 3 drops what is cached, and 4 does so silently.</summary>
    private static string Digest => "echo 7 >/proc/sys/vm/drop_caches; dd if=/dev/vda bs=64k count=100 skip=3 2>/dev/null | sha256sum";

    private Func<MachineDefinition, MachineDefinition> WithDisks(string overlay) => definition => definition with
    {
        Disks =
        [
            new DiskDefinition { Name = "data", OverlayPath = In(overlay), SizeBytes = DiskBytes },
            new DiskDefinition { Name = "cd", BasePath = In("base"), OverlayPath = In("cd-" + overlay), SizeBytes = 1 << 20, ReadOnly = true },
        ],
    };

    private string In(string name) => Path.Combine(_folder.FullName, name);
}
