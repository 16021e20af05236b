using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Disks;

namespace CloudVm.Hypervisor.Tests.Disks;

internal enum DiskAction
{
    Write,
    Discard,
    Zero,
    Flush,
}

/// <summary>One step. Sectors are of 512 bytes; <see cref="Tag"/> tells what a write leaves in each.</summary>
internal readonly record struct DiskStep(DiskAction Action, int Sector, int Count, uint Tag);

/// <summary>Random steps on a small disk, the same for the same seed: a child carries them out, its parent knows what they were.</summary>
internal sealed class DiskScript(int seed)
{
    public const int Sectors = (40 * OverlayDisk.BlockBytes / 512) + 24; // the last block is a short one
    public const int BaseSectors = (25 * OverlayDisk.BlockBytes / 512) + 5;
    public const long SizeBytes = Sectors * 512L;
    public const uint BaseTag = 0x8000_0000;

    private readonly Random _random = new(seed);
    private uint _tag = (uint)seed << 12;

    public static byte[] BaseContent()
    {
        var content = new byte[BaseSectors * 512];
        for (var sector = 0; sector < BaseSectors; sector++)
            Fill(content.AsSpan(sector * 512, 512), sector, BaseTag);
        return content;
    }

    public DiskStep Next()
    {
        var kind = _random.Next(100);
        var sector = _random.Next(Sectors);
        var count = Math.Min(1 + (int)(Math.Pow(_random.NextDouble(), 3) * 400), Sectors - sector);
        _tag++;
        return kind switch
        {
            < 60 => new DiskStep(DiskAction.Write, sector, count, _tag & 0x7fff_ffff),
            < 68 => new DiskStep(DiskAction.Discard, sector, count, 0),
            < 80 => new DiskStep(DiskAction.Zero, sector, count, _tag & 1),
            _ => new DiskStep(DiskAction.Flush, 0, 0, 0),
        };
    }

    public static void Run(OverlayDisk disk, DiskStep step)
    {
        switch (step.Action)
        {
            case DiskAction.Write:
                var content = new byte[step.Count * 512];
                for (var i = 0; i < step.Count; i++)
                    Fill(content.AsSpan(i * 512, 512), step.Sector + i, step.Tag);
                disk.Write(step.Sector * 512L, content);
                break;
            case DiskAction.Discard:
                disk.Discard(step.Sector * 512L, step.Count * 512L);
                break;
            case DiskAction.Zero:
                disk.WriteZeroes(step.Sector * 512L, step.Count * 512L, mayUnmap: step.Tag != 0);
                break;
            default:
                disk.Flush();
                break;
        }
    }

    public static void Fill(Span<byte> sector, int number, uint tag) =>
        MemoryMarshal.Cast<byte, ulong>(sector).Fill(tag == 0 ? 0 : ((ulong)tag << 32) | (uint)number);

    /// <summary>What a sector holds: a tag, 0 for zeros, or <see cref="uint.MaxValue"/> for what no step ever wrote there.</summary>
    public static uint TagOf(ReadOnlySpan<byte> sector, int number)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(sector);
        if (words.ContainsAnyExcept(words[0]))
            return uint.MaxValue;
        return words[0] == 0 ? 0 : (uint)words[0] == (uint)number ? (uint)(words[0] >> 32) : uint.MaxValue;
    }
}

/// <summary>What each sector may hold: exactly the last content, and after a crash also every content since the last flush.</summary>
internal sealed class DiskExpectation
{
    private readonly List<uint>[] _possible = new List<uint>[DiskScript.Sectors];

    public DiskExpectation()
    {
        for (var sector = 0; sector < _possible.Length; sector++)
            _possible[sector] = [sector < DiskScript.BaseSectors ? DiskScript.BaseTag : 0];
    }

    public void Apply(DiskStep step)
    {
        switch (step.Action)
        {
            case DiskAction.Write:
            case DiskAction.Zero:
                for (var sector = step.Sector; sector < step.Sector + step.Count; sector++)
                    _possible[sector].Add(step.Action == DiskAction.Write ? step.Tag : 0);
                break;
            case DiskAction.Discard:
                const int PerBlock = OverlayDisk.BlockBytes / 512;
                var first = (step.Sector + PerBlock - 1) / PerBlock * PerBlock;
                var end = step.Sector + step.Count == DiskScript.Sectors ? DiskScript.Sectors : (step.Sector + step.Count) / PerBlock * PerBlock;
                for (var sector = first; sector < end; sector++)
                    _possible[sector].Add(0);
                break;
            default:
                foreach (var contents in _possible)
                    contents.RemoveRange(0, contents.Count - 1);
                break;
        }
    }

    /// <summary>Compares the whole disk; what it holds is what it must hold from now on.</summary>
    public void Check(OverlayDisk disk, bool afterCrash, string hint)
    {
        var content = new byte[DiskScript.SizeBytes];
        disk.Read(0, content);
        for (var sector = 0; sector < DiskScript.Sectors; sector++)
        {
            var tag = DiskScript.TagOf(content.AsSpan(sector * 512, 512), sector);
            var allowed = _possible[sector];
            if (afterCrash ? !allowed.Contains(tag) : tag != allowed[^1])
                Assert.Fail($"{hint}: sector {sector} holds {tag:x}, allowed are {string.Join(", ", allowed.Select(a => a.ToString("x")))} ({disk.StateOf(sector / 128)}).");
            if (afterCrash)
                _possible[sector] = [tag];
        }
    }
}
