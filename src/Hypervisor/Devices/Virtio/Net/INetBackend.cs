namespace CloudVm.Hypervisor.Devices.Virtio.Net;

/// <summary>What the network card is connected to: Ethernet frames without checksum, in both directions.</summary>
/// <remarks>Thread: all calls come from the device's I/O thread, except <see cref="IDisposable.Dispose"/>, which comes after its end.</remarks>
public interface INetBackend : IDisposable
{
    /// <summary>Whether frames can pass now: the card's link state.</summary>
    bool IsUp { get; }

    /// <summary>Begins; called once.</summary>
    /// <param name="wake">To be called when there are frames or the link state has changed; any thread.</param>
    /// <param name="report">Takes events for whoever runs the VM; any thread.</param>
    void Start(Action wake, Action<string> report);

    /// <summary>Whether <see cref="Send"/> can take a frame now. When not, ask again a little later.</summary>
    bool CanSend();

    /// <summary>Sends one frame of 14 to <see cref="VirtioNetConfig.MaxFrameBytes"/> bytes.</summary>
    void Send(ReadOnlySpan<byte> frame);

    /// <summary>The oldest received frame; it stays until <see cref="DropReceived"/>. Empty when there is none.</summary>
    ReadOnlySpan<byte> PeekReceived();

    /// <summary>Drops the frame that <see cref="PeekReceived"/> showed.</summary>
    void DropReceived();
}
