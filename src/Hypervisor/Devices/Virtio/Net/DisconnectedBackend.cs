namespace CloudVm.Hypervisor.Devices.Virtio.Net;

/// <summary>A card with no cable: its link is down and every frame is lost.</summary>
public sealed class DisconnectedBackend : INetBackend
{
    /// <inheritdoc/>
    public bool IsUp => false;

    /// <inheritdoc/>
    public void Start(Action wake, Action<string> report)
    {
    }

    /// <inheritdoc/>
    public bool CanSend() => true;

    /// <inheritdoc/>
    public void Send(ReadOnlySpan<byte> frame)
    {
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> PeekReceived() => [];

    /// <inheritdoc/>
    public void DropReceived()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
