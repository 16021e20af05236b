using static CloudVm.Hypervisor.Devices.Virtio.Block.VirtioBlockConfig;

namespace CloudVm.Hypervisor.Devices.Virtio.Block;

/// <summary>Moves data between guest memory and the backend.</summary>
public sealed partial class VirtioBlock
{
    /// <summary>Reads or writes <paramref name="bytes"/> from <paramref name="sector"/> on.</summary>
    private byte Transfer(DescriptorChain chain, ulong sector, long bytes, bool write)
    {
        if (bytes % SectorBytes != 0 || !Fits(sector, bytes))
            return StatusIoError;
        var offset = (long)sector * SectorBytes;
        if (IsSectorAligned(chain, write, bytes))
            TransferSegments(chain, offset, bytes, write);
        else
            TransferBounced(chain, offset, bytes, write);
        return StatusOk;
    }

    /// <summary>Whether every segment holds whole sectors; the header's or status's own segments do not count.</summary>
    private static bool IsSectorAligned(DescriptorChain chain, bool write, long bytes)
    {
        var skip = write ? HeaderBytes : 0;
        foreach (var segment in write ? chain.Readable : chain.Writable)
        {
            var length = TakePart(segment, ref skip, ref bytes).Length;
            if (length % SectorBytes != 0)
                return false;
        }

        return true;
    }

    private void TransferSegments(DescriptorChain chain, long offset, long bytes, bool write)
    {
        var skip = write ? HeaderBytes : 0;
        foreach (var segment in write ? chain.Readable : chain.Writable)
        {
            var part = TakePart(segment, ref skip, ref bytes);
            if (part.Length == 0)
                continue;
            if (write)
                _backend.Write(offset, chain.LendRead(part));
            else
                _backend.Read(offset, chain.LendWrite(part));
            offset += part.Length;
        }
    }

    /// <summary>Segments of odd lengths, which no usual driver sends, go through a buffer.</summary>
    private void TransferBounced(DescriptorChain chain, long offset, long bytes, bool write)
    {
        _bounce ??= new byte[BounceBytes];
        for (long done = 0; done < bytes;)
        {
            var piece = _bounce.AsSpan(0, (int)Math.Min(BounceBytes, bytes - done));
            if (write)
            {
                chain.Read(HeaderBytes + done, piece);
                _backend.Write(offset + done, piece);
            }
            else
            {
                _backend.Read(offset + done, piece);
                chain.Write(done, piece);
            }

            done += piece.Length;
        }
    }

    /// <summary>The part of a segment that is data: behind what is skipped, up to what remains.</summary>
    private static GuestSegment TakePart(GuestSegment segment, ref int skip, ref long remaining)
    {
        var skipped = Math.Min(skip, segment.Length);
        skip -= skipped;
        var length = (int)Math.Min(segment.Length - skipped, remaining);
        remaining -= length;
        return new GuestSegment(segment.Address + (ulong)skipped, length);
    }
}
