using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Disks;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Tests.Disks;

/// <summary>What an overlay holds after its process was killed, or the host lost power, at any moment.</summary>
public sealed class OverlayCrashTests(ITestOutputHelper output) : IDisposable
{
    private const string ChildFolder = "CLOUDVM_DISK_CHILD_FOLDER";
    private const string ChildSeed = "CLOUDVM_DISK_CHILD_SEED";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly DiskFolder _folder = new();

    private static bool IsLong => Environment.GetEnvironmentVariable("CLOUDVM_TEST_LONG") is { Length: > 0 };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Random_steps_read_back_as_written_across_reopening()
    {
        var seed = Random.Shared.Next(1, 1 << 18);
        output.WriteLine($"seed {seed}");
        _folder.WriteBase(DiskScript.BaseContent());
        var script = new DiskScript(seed);
        var expected = new DiskExpectation();
        for (var round = 0; round < (IsLong ? 100 : 6); round++)
        {
            using var disk = _folder.Open(DiskScript.SizeBytes, withBase: true);
            expected.Check(disk, afterCrash: false, $"seed {seed}, opening {round}");
            for (var i = 0; i < 100; i++)
            {
                var step = script.Next();
                DiskScript.Run(disk, step);
                expected.Apply(step);
            }

            expected.Check(disk, afterCrash: false, $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public void Losing_power_loses_nothing_that_was_flushed()
    {
        var seed = Random.Shared.Next(1, 1 << 18);
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        _folder.WriteBase(DiskScript.BaseContent());
        var script = new DiskScript(seed);
        var expected = new DiskExpectation();
        for (var round = 0; round < (IsLong ? 1000 : 60); round++)
        {
            using var power = new PowerLossStorage(random, random.Next(1, 120));
            var disk = _folder.Open(DiskScript.SizeBytes, withBase: true, storage: power);
            while (true)
            {
                var step = script.Next();
                try
                {
                    DiskScript.Run(disk, step);
                }
                catch (IOException) when (power.IsOff)
                {
                    if (step.Action != DiskAction.Flush)
                        expected.Apply(step);
                    break;
                }

                expected.Apply(step);
            }

            disk.Dispose();
            power.Lose();
            using var again = _folder.Open(DiskScript.SizeBytes, withBase: true);
            expected.Check(again, afterCrash: true, $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public async Task Killing_the_process_loses_nothing_that_was_flushed()
    {
        var seed = Random.Shared.Next(1, 1 << 17);
        output.WriteLine($"seed {seed}");
        _folder.WriteBase(DiskScript.BaseContent());
        var expected = new DiskExpectation();
        var random = new Random(seed);
        for (var round = 0; round < (IsLong ? 100 : 3); round++)
        {
            var steps = await KillAfterAsync(seed + round, random.Next(1, 400));
            var script = new DiskScript(seed + round);
            for (var i = 0L; i < steps; i++)
                expected.Apply(script.Next());
            if (script.Next() is { Action: not DiskAction.Flush } underWay)
                expected.Apply(underWay);
            using var disk = _folder.Open(DiskScript.SizeBytes, withBase: true);
            expected.Check(disk, afterCrash: true, $"seed {seed}, round {round}, {steps} steps");
        }
    }

    /// <summary>The other side of the test above: writes until it is killed. By itself it is a short run to its end.</summary>
    [Fact(Explicit = true)]
    public void Child_writes_until_it_is_killed()
    {
        var given = Environment.GetEnvironmentVariable(ChildFolder);
        var folder = given ?? _folder.Path;
        if (given is null)
            _folder.WriteBase(DiskScript.BaseContent());
        var script = new DiskScript(int.Parse(Environment.GetEnvironmentVariable(ChildSeed) ?? "1", CultureInfo.InvariantCulture));
        using var disk = OverlayDisk.Open(new OverlayFiles(Path.Combine(folder, "root.overlay"), DiskScript.SizeBytes, Path.Combine(folder, "base.raw")));
        using var progress = File.OpenHandle(Path.Combine(folder, "progress"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        var expected = new DiskExpectation();
        for (var done = 1L; done < (given is null ? 300 : 100_000); done++)
        {
            var step = script.Next();
            DiskScript.Run(disk, step);
            expected.Apply(step);
            RandomAccess.Write(progress, MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in done)), 0);
        }

        expected.Check(disk, afterCrash: false, "at the end");
    }

    [Fact]
    public void A_torn_end_of_the_journal_is_cut_off()
    {
        using (var disk = _folder.Open(8 * DiskFolder.Block))
        {
            disk.Write(0, new byte[512]);
            disk.Flush();
        }

        var sound = File.ReadAllBytes(_folder.Map);
        using (var disk = _folder.Open(8 * DiskFolder.Block))
            disk.Write(5 * DiskFolder.Block, new byte[512]);
        var whole = File.ReadAllBytes(_folder.Map);
        Assert.Equal(sound, whole[..sound.Length]);
        for (var length = sound.Length; length < whole.Length; length++)
        {
            File.WriteAllBytes(_folder.Map, whole[..length]);
            using var disk = _folder.Open(8 * DiskFolder.Block);
            Assert.Equal(DiskFolder.Block, disk.AllocatedBytes);
            Assert.Equal(sound.Length, new FileInfo(_folder.Map).Length);
        }
    }

    [Fact]
    public void A_damaged_journal_is_refused_wherever_the_damage_is()
    {
        using (var disk = _folder.Open(8 * DiskFolder.Block))
        {
            for (var block = 0; block < 3; block++)
            {
                disk.Write(block * DiskFolder.Block, new byte[512]);
                disk.Flush();
            }
        }

        var whole = File.ReadAllBytes(_folder.Map);
        var lastRecord = whole.Length - 24;
        for (var at = 0; at < lastRecord; at++)
        {
            var damaged = whole.ToArray();
            damaged[at] ^= 0x10;
            File.WriteAllBytes(_folder.Map, damaged);
            Assert.Throws<DiskException>(() => _folder.Open(8 * DiskFolder.Block).Dispose());
        }
    }

    [Fact]
    public void A_journal_that_outgrows_its_table_is_written_anew()
    {
        const int Blocks = 64;
        using (var disk = _folder.Open(Blocks * DiskFolder.Block))
        {
            var largest = 0L;
            for (var i = 0; i < 12_000; i++)
            {
                // Without flushes of data, which would take the test's time: only states change.
                if (i % 2 == 0)
                    disk.ZeroBlocks(i / 2 % Blocks, 1);
                else
                    disk.WriteBlocks(i / 2 % Blocks, new byte[DiskFolder.Block]);
                if (i % 8 == 0)
                    disk.Flush();
                largest = Math.Max(largest, i % 256 == 0 ? new FileInfo(_folder.Map).Length : 0);
            }

            Assert.InRange(largest, 1, 300_000);
        }

        using var again = _folder.Open(Blocks * DiskFolder.Block);
        Assert.Equal(Blocks * DiskFolder.Block, again.AllocatedBytes + (Enumerable.Range(0, Blocks).Count(b => again.StateOf(b) == BlockState.Base) * DiskFolder.Block));
    }

    /// <summary>Starts the child, and kills it once it has done <paramref name="steps"/> steps or more.</summary>
    /// <returns>How many it had done.</returns>
    private async Task<long> KillAfterAsync(int seed, int steps)
    {
        var progress = _folder.In("progress");
        File.Delete(progress);
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
            start.ArgumentList.Add(typeof(OverlayCrashTests).Assembly.Location);
        foreach (var argument in (string[])["-explicit", "only", "-method", $"{typeof(OverlayCrashTests).FullName}.{nameof(Child_writes_until_it_is_killed)}"])
            start.ArgumentList.Add(argument);
        start.Environment[ChildFolder] = _folder.Path;
        start.Environment[ChildSeed] = seed.ToString(CultureInfo.InvariantCulture);
        using var child = Process.Start(start)!;
        var waiting = Stopwatch.StartNew();
        try
        {
            while (ReadProgress(progress) < steps)
            {
                Assert.False(child.HasExited, child.HasExited ? await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken) : "");
                Assert.True(waiting.Elapsed < Deadline, "The child makes no progress.");
                await Task.Delay(1, TestContext.Current.CancellationToken);
            }
        }
        finally
        {
            child.Kill();
            await child.WaitForExitAsync(CancellationToken.None);
        }

        return ReadProgress(progress);
    }

    private static long ReadProgress(string path)
    {
        if (!File.Exists(path))
            return 0;
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        long done = 0;
        RandomAccess.Read(file, MemoryMarshal.AsBytes(new Span<long>(ref done)), 0);
        return done;
    }

    /// <summary>Storage that is switched off after a number of writes and flushes, and of what was not flushed keeps only some sectors.</summary>
    private sealed class PowerLossStorage(Random random, int operations) : HostStorage, IDisposable
    {
        private readonly Dictionary<SafeFileHandle, List<(long Offset, byte[] Before)>> _unflushed = [];
        private readonly Dictionary<SafeFileHandle, string> _paths = [];
        private int _left = operations;

        public bool IsOff => _left <= 0;

        public override void Write(SafeFileHandle file, ReadOnlySpan<byte> source, long offset)
        {
            if (_left-- <= 0)
                throw new IOException("The power is off.");
            _paths[file] = File.ResolveLinkTarget($"/proc/self/fd/{file.DangerousGetHandle()}", returnFinalTarget: false)!.FullName;
            if (!_unflushed.TryGetValue(file, out var writes))
                _unflushed[file] = writes = [];
            for (var at = 0; at < source.Length; at += 512)
            {
                var before = new byte[Math.Min(512, source.Length - at)];
                HostFile.ReadZeroExtended(file, before, offset + at);
                writes.Add((offset + at, before));
            }

            base.Write(file, source, offset);
        }

        public override void Flush(SafeFileHandle file)
        {
            if (_left-- <= 0)
                throw new IOException("The power is off.");
            _unflushed.Remove(file);
        }

        /// <summary>Takes back a random part of what was not flushed.</summary>
        public void Lose()
        {
            foreach (var (file, writes) in _unflushed)
            {
                if (!File.Exists(_paths[file]))
                    continue; // a new journal that never got its name
                var keep = random.Next(101);
                using var target = File.OpenHandle(_paths[file], FileMode.Open, FileAccess.ReadWrite);
                foreach (var (offset, before) in Enumerable.Reverse(writes))
                {
                    if (random.Next(100) >= keep)
                        RandomAccess.Write(target, before, offset);
                }
            }
        }

        public void Dispose() => _unflushed.Clear();
    }
}
