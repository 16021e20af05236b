using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using CloudVm.Hypervisor.Devices.Virtio.Console;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

public sealed class VirtioConsoleTests : IDisposable
{
    private const ulong Multiport = 1ul << 1;
    private const int ControlIn = 2;
    private const int ControlOut = 3;
    private const int AgentIn = 4;
    private const int AgentOut = 5;
    private const int BufferBytes = 64;

    private readonly ConcurrentQueue<string> _lines = new();
    private readonly List<ulong> _controlBuffers = [];
    private VirtioConsole? _console;
    private readonly VirtioDriver _driver;

    public VirtioConsoleTests()
    {
        _driver = new VirtioDriver(memory => _console = new VirtioConsole(memory));
        _console!.AgentLineReceived += _lines.Enqueue;
    }

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void Ports_introduce_themselves()
    {
        Start();
        SendControl(0, 0, 1);
        Assert.Equal([(0u, 1, "")], Control(1));
        Assert.Equal([(1u, 1, "")], Control(1));
        SendControl(0, 3, 1);
        Assert.Equal([(0u, 4, ""), (0u, 6, "")], Control(2));
        SendControl(1, 3, 1);
        Assert.Equal([(1u, 7, "org.cloudvm.agent"), (1u, 6, "")], Control(2));
        Assert.Equal(2u, BinaryPrimitives.ReadUInt32LittleEndian(_driver.Config(12).AsSpan(4)));
    }

    [Fact]
    public void Lines_wait_until_an_agent_opens_the_port()
    {
        Assert.True(_console!.SendAgentLine("cloudvm:shutdown"));
        Start();
        var ring = _driver.Queue(AgentIn);
        var first = _driver.Allocate(10);
        var second = _driver.Allocate(10);
        ring.Add((first, 10, true));
        ring.Add((second, 10, true));
        ring.Kick();
        SendControl(1, 3, 1);
        Control(2);
        Assert.Equal(0, ring.UsedIndex);
        Assert.False(_console.AgentConnected);

        SendControl(1, 6, 1);

        Assert.Equal(10, ring.Take().Length);
        Assert.Equal(7, ring.Take().Length);
        Assert.Equal("cloudvm:shutdown\n", Encoding.ASCII.GetString([.. _driver.Bytes(first, 10), .. _driver.Bytes(second, 7)]));
        Assert.True(_console.AgentConnected);
        SendControl(1, 6, 0);
        Assert.False(_console.AgentConnected);
    }

    [Fact]
    public void Lines_that_nobody_reads_are_bounded()
    {
        var line = new string('x', 1023);
        for (var i = 0; i < 64; i++)
            Assert.True(_console!.SendAgentLine(line));
        Assert.False(_console!.SendAgentLine(string.Empty));
    }

    [Fact]
    public void The_guests_lines_arrive_whole()
    {
        Start();
        Say(AgentOut, "hello fr");
        Say(AgentOut, "om here\nand\n\nmo");
        Say(AgentOut, "re\n");
        Assert.Equal(["hello from here", "and", "", "more"], _lines);
        Say(AgentOut, new string('y', 5000));
        Say(AgentOut, "\n");
        Assert.Equal(4096, _lines.Last().Length);
    }

    [Fact]
    public void Console_output_is_taken_without_multiport_too()
    {
        _driver.Start();
        Say(1, "to nowhere");
        var ring = _driver.Queue(AgentOut);
        ring.Add((_driver.Allocate("lost\n"u8), 5, false));
        ring.Kick();
        Say(1, "again");
        Assert.Equal(0, ring.UsedIndex);
        Assert.Empty(_lines);
    }

    [Theory]
    [InlineData(7, "control message has 7 bytes")]
    public void A_short_control_message_stops_the_device(int length, string reason)
    {
        Start();
        _driver.Queue(ControlOut).Add((_driver.Allocate(length), length, false));
        _driver.Queue(ControlOut).Kick();
        _driver.AwaitBroken(reason);
    }

    [Fact]
    public void A_control_buffer_without_room_stops_the_device()
    {
        _driver.Start(VirtioDriver.Version1 | Multiport);
        _driver.Queue(ControlIn).Add((_driver.Allocate(7), 7, true));
        SendControl(0, 0, 1);
        _driver.AwaitBroken("control buffer has 7 bytes");
    }

    [Fact]
    public void Questions_without_buffers_for_answers_are_bounded()
    {
        _driver.Start(VirtioDriver.Version1 | Multiport);
        var message = _driver.Allocate(ControlBytes(0, 0, 1));
        var ring = _driver.Queue(ControlOut);
        for (var i = 0; i < 33; i++)
        {
            ring.Add((message, 8, false));
            ring.Kick();
            VirtioDriver.Await(() => ring.UsedIndex == ring.Added || _driver.NeedsReset, "the message to be taken");
        }

        _driver.AwaitBroken("control messages wait");
    }

    [Fact]
    public void State_holds_open_ports_waiting_lines_and_half_lines()
    {
        Start();
        SendControl(1, 6, 1);
        Say(AgentOut, "half a ");
        Assert.True(_console!.SendAgentLine("later"));
        _driver.Transport.Hold();
        var state = _driver.Save();

        VirtioConsole? console = null;
        using var other = new VirtioDriver(memory => console = new VirtioConsole(memory));
        var lines = new ConcurrentQueue<string>();
        console!.AgentLineReceived += lines.Enqueue;
        other.Transport.Hold();
        other.TakeRingsOf(_driver);
        other.Restore(state);
        Assert.Equal(state, other.Save());
        other.Transport.Release();
        Assert.True(console.AgentConnected);

        other.Queue(AgentOut).Run((other.Allocate("line\n"u8), 5, false));
        Assert.Equal(["half a line"], lines);
        Assert.Equal(6, other.Queue(AgentIn).Run((other.Allocate(16), 16, true)));
        _driver.Transport.Release();
    }

    private void Start()
    {
        _driver.Start(VirtioDriver.Version1 | Multiport);
        for (var i = 0; i < 8; i++)
        {
            _controlBuffers.Add(_driver.Allocate(BufferBytes));
            _driver.Queue(ControlIn).Add((_controlBuffers[i], BufferBytes, true));
        }
    }

    private void Say(int queue, string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(0, _driver.Queue(queue).Run((_driver.Allocate(bytes), bytes.Length, false)));
    }

    private void SendControl(uint port, ushort name, ushort value)
    {
        _driver.Queue(ControlOut).Add((_driver.Allocate(ControlBytes(port, name, value)), 8, false));
        _driver.Queue(ControlOut).Kick();
        _driver.Queue(ControlOut).Take();
    }

    private List<(uint Port, int Event, string Name)> Control(int count)
    {
        var messages = new List<(uint, int, string)>();
        for (var i = 0; i < count; i++)
        {
            var (head, length) = _driver.Queue(ControlIn).Take();
            var bytes = _driver.Bytes(_controlBuffers[(int)head], length);
            Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(6)));
            messages.Add((BinaryPrimitives.ReadUInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(4)),
                Encoding.ASCII.GetString(bytes.AsSpan(8))));
        }

        return messages;
    }

    private static byte[] ControlBytes(uint port, ushort name, ushort value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, port);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), name);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), value);
        return bytes;
    }
}
