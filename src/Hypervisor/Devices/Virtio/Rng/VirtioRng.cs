using System.Security.Cryptography;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Devices.Virtio.Rng;

/// <summary>The host's entropy (VIRTIO 1.2, section 5.4). It has no configuration and nothing to remember.</summary>
/// <remarks>Thread: as <see cref="VirtioDevice"/>.</remarks>
public sealed class VirtioRng : VirtioDevice
{
    /// <summary>Most bytes per second: plenty for seeding, little for keeping the host busy.</summary>
    public const int BytesPerSecond = 1024 * 1024;

    /// <summary>Most bytes at once after a quiet time.</summary>
    public const int BurstBytes = 256 * 1024;

    /// <summary>Most bytes for one buffer; drivers must cope with less than they asked for.</summary>
    public const int MaxBufferBytes = 64 * 1024;

    private const int QueueSize = 64;

    private readonly TimeProvider _time;
    private long _filledAt;
    private double _allowance = BurstBytes;

    public VirtioRng(GuestMemory memory, TimeProvider time)
        : base("virtio-rng", VirtioDeviceId.Entropy, 0, memory, QueueSize)
    {
        _time = time;
        _filledAt = time.GetTimestamp();
    }

    /// <inheritdoc/>
    public override int ConfigBytes => 0;

    /// <inheritdoc/>
    public override void ReadConfig(Span<byte> config)
    {
    }

    /// <inheritdoc/>
    protected internal override TimeSpan Service()
    {
        Replenish();
        var queue = Queue(0);
        while (!ShouldYield && queue.TryTake(out var chain))
        {
            if (chain.WritableBytes == 0)
                throw new VirtioFaultException("a buffer has no room");
            var wanted = (int)Math.Min(chain.WritableBytes, MaxBufferBytes);
            if (wanted > _allowance)
            {
                queue.Untake(1);
                return TimeSpan.FromSeconds((wanted - _allowance) / BytesPerSecond) + TimeSpan.FromMilliseconds(1);
            }

            _allowance -= wanted;
            Fill(chain, wanted);
            Complete(queue, chain.Head, wanted);
        }

        return Timeout.InfiniteTimeSpan;
    }

    private static void Fill(DescriptorChain chain, int count)
    {
        foreach (var segment in chain.Writable)
        {
            var length = Math.Min(segment.Length, count);
            RandomNumberGenerator.Fill(chain.LendWrite(segment with { Length = length }));
            count -= length;
            if (count == 0)
                return;
        }
    }

    private void Replenish()
    {
        var now = _time.GetTimestamp();
        _allowance = Math.Min(BurstBytes, _allowance + (_time.GetElapsedTime(_filledAt, now).TotalSeconds * BytesPerSecond));
        _filledAt = now;
    }
}
