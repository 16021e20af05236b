using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio.Console;

/// <summary>A message of the control queue. The name of the port follows <c>PORT_NAME</c>.</summary>
internal readonly record struct ControlMessage(uint Port, ushort Event, ushort Value);

/// <summary>What a <see cref="VirtioConsole"/> remembers besides its ports.</summary>
internal sealed class VirtioConsoleState
{
    /// <summary>Most messages that wait for the driver: many times what the protocol needs.</summary>
    public const int MaxMessages = 64;

    /// <summary>Control messages that wait for a buffer.</summary>
    public Queue<ControlMessage> Messages { get; } = new();

    public static VirtioConsoleState Load(StateReader reader)
    {
        var count = reader.ReadInt32();
        if (count is < 0 or > MaxMessages)
            throw new StateFormatException($"{count} console messages cannot wait; at most {MaxMessages} can.");
        var state = new VirtioConsoleState();
        for (var i = 0; i < count; i++)
            state.Messages.Enqueue(new ControlMessage(reader.ReadUInt32(), (ushort)reader.ReadUInt32(), (ushort)reader.ReadUInt32()));
        return state;
    }

    public void Save(StateWriter writer)
    {
        writer.WriteInt32(Messages.Count);
        foreach (var message in Messages)
        {
            writer.WriteUInt32(message.Port);
            writer.WriteUInt32(message.Event);
            writer.WriteUInt32(message.Value);
        }
    }
}
