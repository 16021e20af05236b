using System.Buffers.Binary;
using System.Net.Sockets;
using CloudVm.Hypervisor.Devices.Virtio.Net;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

/// <summary>The network card over a socket whose other end, passt's, the test holds.</summary>
public sealed class VirtioNetTests : IDisposable
{
    private const ulong Merge = 1ul << 15;
    private const ulong Features = VirtioDriver.Version1 | Merge | (1ul << 3) | (1ul << 5) | (1ul << 16);
    private const int HeaderBytes = 12;

    private readonly string _directory = Directory.CreateTempSubdirectory("cloudvm-net-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly VirtioDriver _driver;
    private Socket? _passt;

    public VirtioNetTests()
    {
        var path = Path.Combine(_directory, "passt.sock");
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        VirtioNet? card = null;
        _driver = new VirtioDriver(memory => card = new VirtioNet(MacAddress.Of(Guid.Empty), new PasstBackend(path, TimeProvider.System), memory));
        card!.Connect();
    }

    public void Dispose()
    {
        _driver.Dispose();
        _passt?.Dispose();
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void The_link_comes_up_with_the_connection()
    {
        Assert.Equal([2, 0, 0, 0, 0, 0, 0, 0], _driver.Config(8));
        Connect();
        Assert.Equal(65520, BinaryPrimitives.ReadUInt16LittleEndian(_driver.Config(12).AsSpan(10)));
        Assert.Equal(2u, _driver.Register(0x60));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(1514)]
    [InlineData(65534)]
    public void Sent_packets_go_out_behind_their_length(int length)
    {
        Connect();
        var frame = Frame(length);
        var header = _driver.Allocate(HeaderBytes);
        var at = _driver.Allocate(frame);
        _driver.Queue(1).Run((header, HeaderBytes, false), (at, length, false));
        Assert.Equal(frame, ReadFrame());
    }

    [Fact]
    public void Packets_of_impossible_sizes_are_lost_and_without_header_stop_the_device()
    {
        Connect();
        var buffer = _driver.Allocate(70_000);
        _driver.Queue(1).Run((buffer, HeaderBytes + 13, false));
        _driver.Queue(1).Run((buffer, HeaderBytes + 65535, false));
        _driver.Queue(1).Run((buffer, HeaderBytes + 20, false));
        Assert.Equal(20, ReadFrame().Length);
        _driver.Queue(1).Add((buffer, 11, false));
        _driver.Queue(1).Kick();
        _driver.AwaitBroken("packet's header has 11 bytes");
    }

    [Fact]
    public void More_than_the_socket_holds_goes_out_in_order()
    {
        const int Packets = 200;
        Connect();
        var header = _driver.Allocate(HeaderBytes);
        var ring = _driver.Queue(1);
        var reader = Task.Run(() =>
        {
            for (var i = 0; i < Packets; i++)
            {
                if (ReadFrame() is var frame && (frame.Length != 30_000 || frame[14] != (byte)i))
                    return i;
            }

            return Packets;
        });
        for (var i = 0; i < Packets; i++)
        {
            var frame = Frame(30_000);
            frame[14] = (byte)i;
            ring.Add((header, HeaderBytes, false), (_driver.Allocate(frame), frame.Length, false));
            ring.Kick();
            ring.Take();
        }

        VirtioDriver.Await(() => reader.IsCompleted, "the packets");
        Assert.Equal(Packets, reader.GetAwaiter().GetResult());
    }

    [Fact]
    public void Received_frames_are_spread_over_merged_buffers()
    {
        Connect();
        var ring = _driver.Queue(0);
        var buffers = Enumerable.Range(0, 4).Select(_ => _driver.Allocate(1000)).ToArray();
        foreach (var buffer in buffers)
            ring.Add((buffer, 1000, true));
        ring.Kick();
        var frame = Frame(2500);
        SendFrame(frame);

        var bytes = new List<byte>();
        for (var i = 0; i < 3; i++)
            bytes.AddRange(_driver.Bytes(buffers[i], ring.Take().Length));
        Assert.Equal(3, BinaryPrimitives.ReadUInt16LittleEndian(bytes.ToArray().AsSpan(10)));
        Assert.Equal(frame, bytes[HeaderBytes..]);

        SendFrame(Frame(60));
        Assert.Equal(72, ring.Take().Length);
        Assert.Equal(1, _driver.Half(buffers[3] + 10));
    }

    [Fact]
    public void Frames_wait_for_buffers()
    {
        Connect();
        var ring = _driver.Queue(0);
        var small = _driver.Allocate(200);
        ring.Add((small, 200, true));
        ring.Kick();
        SendFrame(Frame(300));
        SendFrame(Frame(50));
        VirtioDriver.Await(() => _passt!.Poll(0, SelectMode.SelectWrite), "the socket");
        Assert.Equal(0, ring.UsedIndex);
        var second = _driver.Allocate(200);
        ring.Add((second, 200, true));
        ring.Kick();
        Assert.Equal(200, ring.Take().Length);
        Assert.Equal(112, ring.Take().Length);
        ring.Add((small, 200, true));
        ring.Kick();
        Assert.Equal(62, ring.Take().Length);
    }

    [Fact]
    public void Without_merged_buffers_a_frame_that_does_not_fit_is_lost()
    {
        Connect(Features & ~Merge);
        var ring = _driver.Queue(0);
        var buffer = _driver.Allocate(100);
        ring.Add((buffer, 100, true));
        ring.Kick();
        SendFrame(Frame(200));
        SendFrame(Frame(80));
        Assert.Equal(92, ring.Take().Length);
        Assert.Equal(1, _driver.Half(buffer + 10));
    }

    [Fact]
    public void A_receive_buffer_without_room_for_the_header_stops_the_device()
    {
        Connect();
        _driver.Queue(0).Add((_driver.Allocate(11), 11, true));
        SendFrame(Frame(60));
        _driver.AwaitBroken("receive buffer has 11 bytes");
    }

    [Fact]
    public void A_lost_connection_takes_the_link_down_and_is_made_anew()
    {
        Connect();
        _driver.SetRegister(0x64, 3);
        _passt!.Dispose();
        VirtioDriver.Await(() => _driver.Config(8)[6] == 0, "the link to go down");
        Assert.Contains(_driver.Events, e => e.Contains("has lost its network", StringComparison.Ordinal));
        _driver.Queue(1).Run((_driver.Allocate(100), 100, false));

        Accept();
        Assert.Contains(_driver.Events, e => e.Contains("connected to the network again", StringComparison.Ordinal));
        _driver.Queue(1).Run((_driver.Allocate(100), 100, false));
        Assert.Equal(88, ReadFrame().Length);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(13u)]
    [InlineData(65535u)]
    [InlineData(uint.MaxValue)]
    public void A_length_that_no_frame_has_ends_the_connection(uint length)
    {
        Connect();
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, length);
        _passt!.Send(bytes);
        VirtioDriver.Await(() => _driver.Events.Any(e => e.Contains($"a frame of {length} bytes", StringComparison.Ordinal)), "the event");
        Accept();
    }

    [Fact]
    public void State_carries_the_address_to_another_card()
    {
        Connect();
        _driver.Transport.Hold();
        var state = _driver.Save();
        using var other = new VirtioDriver(memory => new VirtioNet(MacAddress.Of(Guid.AllBitsSet), new DisconnectedBackend(), memory));
        other.TakeRingsOf(_driver);
        other.Restore(state);
        Assert.Equal([2, 0, 0, 0, 0, 0, 0, 0], other.Config(8));
        other.Queue(1).Run((other.Allocate(100), 100, false));
        _driver.Transport.Release();
        Assert.Throws<StateFormatException>(() => other.Restore([.. state[..^1], (byte)'x']));
    }

    [Theory]
    [InlineData("02:00:5e:10:00:01", true)]
    [InlineData("03:00:5e:10:00:01", false)]
    [InlineData("00:00:00:00:00:00", false)]
    [InlineData("02:00:5e:10:00", false)]
    [InlineData("02:00:5e:10:00:1", false)]
    [InlineData("02-00-5e-10-00-01", false)]
    [InlineData("02:00:5e:10:00: 1", false)]
    [InlineData(null, false)]
    public void Addresses_are_of_single_cards(string? text, bool valid)
    {
        Assert.Equal(valid, MacAddress.TryParse(text, out var address));
        if (valid)
            Assert.Equal(text, address.ToString());
    }

    private void Connect(ulong features = Features)
    {
        _driver.Start(features);
        Accept();
    }

    private void Accept()
    {
        VirtioDriver.Await(() => _listener.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead), "the connection");
        _passt = _listener.Accept();
        VirtioDriver.Await(() => _driver.Config(8)[6] == 1, "the link");
    }

    private void SendFrame(byte[] frame)
    {
        var bytes = new byte[4 + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, frame.Length);
        frame.CopyTo(bytes, 4);
        _passt!.Send(bytes);
    }

    private byte[] ReadFrame()
    {
        var length = new byte[4];
        ReadExactly(length);
        var frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        ReadExactly(frame);
        return frame;
    }

    private void ReadExactly(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Assert.True(_passt!.Poll(TimeSpan.FromSeconds(20), SelectMode.SelectRead), "Waited in vain for a frame.");
            var count = _passt.Receive(bytes);
            Assert.NotEqual(0, count);
            bytes = bytes[count..];
        }
    }

    private static byte[] Frame(int length)
    {
        var frame = new byte[length];
        new Random(length).NextBytes(frame);
        return frame;
    }
}
