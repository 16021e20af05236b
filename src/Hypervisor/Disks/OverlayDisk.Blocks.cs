namespace CloudVm.Hypervisor.Disks;

/// <summary>What reading and writing does block by block, with the gate held.</summary>
public sealed partial class OverlayDisk
{
    private void ReadLocked(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            var block = (int)(offset / BlockBytes);
            var lastBlock = (int)((offset + destination.Length - 1) / BlockBytes);
            var end = _table.EndOfRun(block, lastBlock + 1);
            var part = destination[..(int)Math.Min(destination.Length, ((long)end * BlockBytes) - offset)];
            switch (_table[block])
            {
                case BlockState.Data:
                    HostFile.ReadZeroExtended(_data, part, offset);
                    break;
                case BlockState.Base when _base is not null:
                    HostFile.ReadZeroExtended(_base, part, offset);
                    break;
                default:
                    part.Clear();
                    break;
            }

            destination = destination[part.Length..];
            offset += part.Length;
        }
    }

    private void WriteLocked(long offset, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            var block = (int)(offset / BlockBytes);
            var inBlock = (int)(offset % BlockBytes);
            var length = Math.Min(source.Length, BlockBytes - inBlock);
            if (_table[block] == BlockState.Data || length == BytesOf(block))
            {
                // Neighbours of which the same holds go along in one call.
                var next = block + 1;
                while (length < source.Length && (_table[next] == BlockState.Data || source.Length - length >= BytesOf(next)))
                {
                    length += Math.Min(source.Length - length, BlockBytes);
                    next++;
                }

                WriteData(offset, source[..length]);
                for (; block < next; block++)
                    _table.Change(block, BlockState.Data);
            }
            else
            {
                CopyUp(block, inBlock, source[..length]);
            }

            source = source[length..];
            offset += length;
        }
    }

    /// <summary>Writes a block of its own as a whole: its present content with <paramref name="change"/> in it.</summary>
    private void CopyUp(int block, int inBlock, ReadOnlySpan<byte> change)
    {
        var start = (long)block * BlockBytes;
        var whole = _block.AsSpan(0, BytesOf(block));
        ReadLocked(start, whole);
        change.CopyTo(whole[inBlock..]);
        WriteData(start, whole);
        _table.Change(block, BlockState.Data);
    }

    private void WriteData(long offset, ReadOnlySpan<byte> source)
    {
        _written = true;
        _storage.Write(_data, source, offset);
    }

    /// <summary>Writes zeros into part of a block, or of two.</summary>
    private void WriteZeroesLocked(long offset, long length)
    {
        while (length > 0)
        {
            var block = (int)(offset / BlockBytes);
            var inBlock = (int)(offset % BlockBytes);
            var count = (int)Math.Min(length, BlockBytes - inBlock);
            if (_table[block] == BlockState.Data)
            {
                _block.AsSpan(0, count).Clear();
                WriteData(offset, _block.AsSpan(0, count));
                _table.Change(block, BlockState.Data);
            }
            else if (_table[block] == BlockState.Base && !IsPastBase(block))
            {
                var whole = _block.AsSpan(0, BytesOf(block));
                ReadLocked((long)block * BlockBytes, whole);
                whole.Slice(inBlock, count).Clear();
                WriteData((long)block * BlockBytes, whole);
                _table.Change(block, BlockState.Data);
            }

            offset += count;
            length -= count;
        }
    }

    private void EmptyLocked(int first, int count, bool mayUnmap)
    {
        for (var block = first; block < first + count;)
        {
            var state = _table[block];
            var end = _table.EndOfRun(block, first + count);
            if (state == BlockState.Data && mayUnmap)
            {
                _written = true;
                HostFile.TryPunch(_data, (long)block * BlockBytes, (long)(end - block) * BlockBytes);
            }

            for (; block < end; block++)
            {
                // Where there is no base to hide, a block that was never written says the same and takes no room in snapshots.
                if (state != BlockState.Zero && !(state == BlockState.Base && IsPastBase(block)))
                    _table.Change(block, IsPastBase(block) ? BlockState.Base : BlockState.Zero);
            }
        }
    }

    private void FlushLocked()
    {
        DemandSound();
        if (!_written && !_table.HasPending)
            return;
        try
        {
            if (_written)
                _storage.Flush(_data);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _failure = failure.Message;
            throw new IOException($"The host could not make the disk's data durable: {failure.Message}", failure);
        }

        _written = false;
        _journal.Commit(_table);
    }
}
