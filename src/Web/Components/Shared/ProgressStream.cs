namespace CloudVm.Web.Components.Shared;

/// <summary>A stream that tells how much of it has been read.</summary>
/// <param name="open">Opens what is read, at the first read: a browser's file that waits would time out. Closed with this stream.</param>
/// <param name="length">Its length in bytes.</param>
/// <param name="report">Gets the share read in percent, each time it has grown by one.</param>
public sealed class ProgressStream(Func<Stream> open, long length, Action<double> report) : Stream
{
    private Stream? _inner;
    private long _read;
    private double _reported;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _read;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _inner ??= open();
        var count = await _inner.ReadAsync(buffer, cancellationToken);
        _read += count;
        var percent = length == 0 ? 100 : 100.0 * _read / length;
        if (percent - _reported >= 1 || percent >= 100)
        {
            _reported = percent;
            report(percent);
        }

        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("A browser's file can only be read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        if (_inner is not null)
            await _inner.DisposeAsync();
        await base.DisposeAsync();
    }
}
