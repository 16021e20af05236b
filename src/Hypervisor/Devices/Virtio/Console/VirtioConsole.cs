using System.Buffers.Binary;
using System.Text;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Virtio.Console.VirtioConsoleConfig;

namespace CloudVm.Hypervisor.Devices.Virtio.Console;

/// <summary>
/// A console with two ports. Port 0 is a console (<c>hvc0</c>) whose output goes nowhere, so that guests that write to it do not hang;
/// port 1, named <see cref="AgentPortName"/>, carries lines between the host and an agent in the guest.
/// </summary>
/// <remarks>Thread: as <see cref="VirtioDevice"/>; lines are sent on any thread.</remarks>
public sealed class VirtioConsole : VirtioDevice
{
    /// <summary>Name of the agent's port: <c>/sys/class/virtio-ports/*/name</c> in a Linux guest.</summary>
    public const string AgentPortName = "org.cloudvm.agent";

    private readonly VirtioConsolePort[] _ports;
    private VirtioConsoleState _state = new();

    public VirtioConsole(GuestMemory memory)
        : base("virtio-console", VirtioDeviceId.Console, FeatureMultiport, memory,
            DataQueueSize, DataQueueSize, ControlQueueSize, ControlQueueSize, DataQueueSize, DataQueueSize)
    {
        _ports =
        [
            new VirtioConsolePort(null, receiveQueue: 0, transmitQueue: 1, null),
            new VirtioConsolePort(AgentPortName, receiveQueue: 4, transmitQueue: 5, line => AgentLineReceived?.Invoke(line)),
        ];
    }

    /// <summary>
    /// Raised with each line, without its end, that the guest writes to the agent's port; of lines over 4096 bytes the beginning. On the
    /// I/O thread: handlers must not block.
    /// </summary>
    public event Action<string>? AgentLineReceived;

    /// <summary>Whether a program in the guest holds the agent's port open.</summary>
    public bool AgentConnected => _ports[1].GuestOpen;

    /// <inheritdoc/>
    public override int ConfigBytes => VirtioConsoleConfig.ConfigBytes;

    /// <summary>
    /// Sends a line to the agent's port; it waits there until a program in the guest opens the port.
    /// </summary>
    /// <param name="line">The line; its end is added when it is missing.</param>
    /// <returns>False when too much waits already: the line is then not sent.</returns>
    public bool SendAgentLine(string line)
    {
        if (!_ports[1].TryAppend(Encoding.UTF8.GetBytes(line.EndsWith('\n') ? line : line + "\n")))
            return false;
        Wake();
        return true;
    }

    /// <inheritdoc/>
    public override void ReadConfig(Span<byte> config) =>
        BinaryPrimitives.WriteUInt32LittleEndian(config[MaxPortsOffset..], (uint)_ports.Length);

    /// <inheritdoc/>
    protected internal override TimeSpan Service()
    {
        if (HasFeature(FeatureMultiport))
        {
            TakeControl();
            SendControl();
        }

        var ports = HasFeature(FeatureMultiport) ? _ports : _ports.AsSpan(0, 1);
        foreach (var port in ports)
        {
            TakeOutput(port);
            SendInput(port);
        }

        return Timeout.InfiniteTimeSpan;
    }

    /// <inheritdoc/>
    protected internal override void Reset()
    {
        _state = new VirtioConsoleState();
        foreach (var port in _ports)
            port.Reset();
    }

    /// <inheritdoc/>
    protected internal override void Save(StateWriter writer)
    {
        _state.Save(writer);
        foreach (var port in _ports)
            port.Save(writer);
    }

    /// <inheritdoc/>
    protected internal override Action PrepareRestore(StateReader reader)
    {
        var state = VirtioConsoleState.Load(reader);
        var ports = Array.ConvertAll(_ports, port => port.PrepareRestore(reader));
        return () =>
        {
            _state = state;
            foreach (var apply in ports)
                apply();
        };
    }

    private void TakeOutput(VirtioConsolePort port)
    {
        var queue = Queue(port.TransmitQueue);
        while (!ShouldYield && queue.TryTake(out var chain))
        {
            port.Receive(chain);
            Complete(queue, chain.Head, 0);
        }
    }

    private void SendInput(VirtioConsolePort port)
    {
        var queue = Queue(port.ReceiveQueue);
        while (!ShouldYield && port.GuestOpen && port.HasPending && queue.TryTake(out var chain))
        {
            if (chain.WritableBytes == 0)
                throw new VirtioFaultException("a receive buffer has no room");
            Complete(queue, chain.Head, port.Deliver(chain));
        }
    }

    private void TakeControl()
    {
        var queue = Queue(ControlTransmitQueue);
        Span<byte> bytes = stackalloc byte[ControlBytes];
        while (!ShouldYield && queue.TryTake(out var chain))
        {
            if (chain.Read(0, bytes) < ControlBytes)
                throw new VirtioFaultException($"a control message has {chain.ReadableBytes} bytes");
            Handle(new ControlMessage(
                BinaryPrimitives.ReadUInt32LittleEndian(bytes),
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]),
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..])));
            Complete(queue, chain.Head, 0);
        }
    }

    private void Handle(ControlMessage message)
    {
        if (message.Event == EventDeviceReady)
        {
            for (uint id = 0; message.Value == 1 && id < _ports.Length; id++)
                Enqueue(new ControlMessage(id, EventDeviceAdd, 1));
            return;
        }

        if (message.Port >= _ports.Length)
            return;
        var port = _ports[message.Port];
        if (message.Event == EventPortOpen)
        {
            port.GuestOpen = message.Value == 1;
        }
        else if (message.Event == EventPortReady && message.Value == 1)
        {
            Enqueue(new ControlMessage(message.Port, port.Name is null ? EventConsolePort : EventPortName, 1));
            Enqueue(new ControlMessage(message.Port, EventPortOpen, 1));
        }
    }

    private void Enqueue(ControlMessage message)
    {
        if (_state.Messages.Count == VirtioConsoleState.MaxMessages)
            throw new VirtioFaultException($"{VirtioConsoleState.MaxMessages} control messages wait for buffers");
        _state.Messages.Enqueue(message);
    }

    private void SendControl()
    {
        var queue = Queue(ControlReceiveQueue);
        Span<byte> bytes = stackalloc byte[ControlBytes + AgentPortName.Length];
        while (!ShouldYield && _state.Messages.TryPeek(out var message) && queue.TryTake(out var chain))
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, message.Port);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], message.Event);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], message.Value);
            var length = ControlBytes;
            if (message.Event == EventPortName)
                length += Encoding.ASCII.GetBytes(AgentPortName, bytes[ControlBytes..]);
            if (chain.Write(0, bytes[..length]) < length)
                throw new VirtioFaultException($"a control buffer has {chain.WritableBytes} bytes");
            _state.Messages.Dequeue();
            Complete(queue, chain.Head, length);
        }
    }
}
