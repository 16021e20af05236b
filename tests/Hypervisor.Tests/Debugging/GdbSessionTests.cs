using System.Text;
using CloudVm.Hypervisor.Debugging;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Debugging;

/// <summary>What the server answers, packet by packet, also to nonsense.</summary>
public sealed class GdbSessionTests(ITestOutputHelper output)
{
    private const ulong Ram = 0x4000_0000;

    [Fact]
    public async Task ConnectingAloneDoesNotStopTheMachine()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.SendRawAsync("GET / HTTP/1.1\r\n\r\n");
        await client.SendRawAsync("\u0003");
        client.Hang();
        await client.Server.DisposeAsync();

        Assert.False(target.IsHeld);
        Assert.Equal(0, target.Released.Count);
    }

    [Fact]
    public async Task FirstPacketHoldsTheMachineAndTheEndOfTheClientReleasesIt()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        Assert.StartsWith("T05thread:1;", await client.AskAsync("?"), StringComparison.Ordinal);
        Assert.True(target.IsHeld);
        Assert.True(client.Server.IsStopped);
        client.Hang();
        await client.Server.DisposeAsync();

        Assert.Equal((1, false), target.Released);
        Assert.False(client.Server.IsAttached);
    }

    [Theory]
    [InlineData("D", "OK")]
    [InlineData("vKill;1", "OK")]
    [InlineData("k", null)]
    public async Task EveryWayToEndASessionLeavesTheMachineRunning(string packet, string? answer)
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.AskAsync("?");
        await client.SendAsync(packet);

        Assert.Equal(answer, await client.ReadPacketAsync());
        if (answer is not null)
            Assert.Null(await client.ReadPacketAsync());
        await client.Server.DisposeAsync();
        Assert.Equal((1, false), target.Released);
        Assert.False(target.End.IsCompleted);
    }

    [Fact]
    public async Task MachineStaysPausedWhenTheDebuggerWantsIt()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.AskAsync("qRcmd," + GdbText.Hex("on-disconnect pause"));
        await client.AskAsync("D");
        await client.Server.DisposeAsync();

        Assert.Equal((1, true), target.Released);
    }

    [Fact]
    public async Task SecondDebuggerIsTurnedAway()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.AskAsync("?");
        using var second = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        await second.ConnectAsync(new System.Net.Sockets.UnixDomainSocketEndPoint(client.Path), TestContext.Current.CancellationToken);

        Assert.Equal(0, await second.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken));
        Assert.Equal("OK", await client.AskAsync("Hg2"));
    }

    [Fact]
    public async Task DoorIsOnLoopbackAndClosingItEndsItsSession()
    {
        using var target = new FakeDebugTarget();
        await using var server = new GdbServer(target);
        var door = server.OpenDoor();
        Assert.Equal(System.Net.IPAddress.Loopback, door.Address);
        Assert.Equal(door, server.OpenDoor());
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(door, TestContext.Current.CancellationToken);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(RawGdbClient.Frame("?")), TestContext.Current.CancellationToken);
        Assert.Equal((int)'+', stream.ReadByte());
        await server.CloseDoorAsync();

        while (stream.ReadByte() >= 0)
        {
            // The rest of the answer, then the end.
        }

        Assert.Null(server.Door);
        await Assert.ThrowsAnyAsync<System.Net.Sockets.SocketException>(async () =>
        {
            using var late = new System.Net.Sockets.TcpClient();
            await late.ConnectAsync(door, TestContext.Current.CancellationToken);
        });
    }

    [Fact]
    public async Task AcknowledgementsStopWhenTheClientDoesWithoutThem()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.SendRawAsync("$g#00");
        Assert.Equal((byte)'-', await client.ReadByteAsync());
        await client.SendAsync("QStartNoAckMode");
        Assert.Equal((byte)'+', await client.ReadByteAsync());
        Assert.Equal("OK", await client.ReadPacketAsync());
        await client.SendRawAsync("$g#00");
        await client.SendAsync("qAttached");

        Assert.Equal((byte)'$', await client.ReadByteAsync());
    }

    [Fact]
    public async Task BrokenAnswerIsSentAgain()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        Assert.Equal("1", await client.AskAsync("qAttached"));
        await client.SendRawAsync("-");

        Assert.Equal("1", await client.ReadPacketAsync());
    }

    [Theory]
    [InlineData("g", ((33 * 8) + 4) * 2)]
    [InlineData("p21", 8)]
    [InlineData("p22", 512)]
    [InlineData("p42", 8)]
    [InlineData("p44", 64)]
    [InlineData("p55", 16)]
    public async Task RegistersHaveTheSizesOfTheDescription(string request, int digits)
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);

        Assert.Equal(digits, (await client.AskAsync(request)).Length);
    }

    [Fact]
    public async Task VectorGranulesFollowTheControlRegisterAndSetIt()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);

        foreach (var vq in new[] { 1, 2, 4, 8, 16 })
        {
            Assert.Equal("OK", await client.AskAsync($"P55={vq * 2:x2}00000000000000"));
            Assert.Equal($"{vq * 2:x2}00000000000000", await client.AskAsync("p55"));
            Assert.Contains($";55:{vq * 2:x2}00000000000000;", await client.AskAsync("?"), StringComparison.Ordinal);
        }

        foreach (var illegal in new[] { 0, 1, 3, 6, 34, 255 })
            Assert.StartsWith("E", await client.AskAsync($"P55={illegal:x2}00000000000000"), StringComparison.Ordinal);
        Assert.StartsWith("E", await client.AskAsync("P55=0400000000000080"), StringComparison.Ordinal);
        Assert.Equal("2000000000000000", await client.AskAsync("p55"));
    }

    [Fact]
    public async Task TargetWithoutSveDescribesTheFpuInstead()
    {
        using var plain = new FakeDebugTarget("neoverse-n1", Kvm.TestVm.Psci);
        using var vector = new FakeDebugTarget();

        var withoutSve = GdbTargetDescription.Write(new GdbRegisterFile(plain.Vcpus));
        var withSve = GdbTargetDescription.Write(new GdbRegisterFile(vector.Vcpus));

        Assert.Contains("org.gnu.gdb.aarch64.fpu", withoutSve, StringComparison.Ordinal);
        Assert.DoesNotContain("org.gnu.gdb.aarch64.sve", withoutSve, StringComparison.Ordinal);
        Assert.DoesNotContain("ZCR_EL1", withoutSve, StringComparison.Ordinal);
        Assert.Contains("org.gnu.gdb.aarch64.sve", withSve, StringComparison.Ordinal);
        Assert.DoesNotContain("org.gnu.gdb.aarch64.fpu", withSve, StringComparison.Ordinal);
        Assert.Contains("<reg name=\"ZCR_EL1\"", withSve, StringComparison.Ordinal);
        await using var client = await RawGdbClient.ConnectAsync(plain);
        Assert.Equal(32, (await client.AskAsync("p22")).Length);
    }

    [Fact]
    public async Task DescriptionComesInPieces()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        var xml = new StringBuilder();
        while (true)
        {
            var piece = await client.AskAsync($"qXfer:features:read:target.xml:{xml.Length:x},7ff");
            xml.Append(Encoding.Latin1.GetString(GdbText.Unescape(Encoding.Latin1.GetBytes(piece[1..]))!));
            if (piece[0] == 'l')
                break;
        }

        Assert.Equal(GdbTargetDescription.Write(new GdbRegisterFile(target.Vcpus)), xml.ToString());
    }

    [Fact]
    public async Task MemoryIsReadAndWrittenAndEndsWithRam()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        Assert.Equal("OK", await client.AskAsync("M40000ffe,4:01020304"));
        Assert.Equal("OK", await client.AskAsync("X40001002,3:}\u0003}\u0004*"));
        Assert.Equal("0102030423242a", await client.AskAsync("m40000ffe,7"));
        var end = Ram + (ulong)target.Memory.Size;
        Assert.Equal("0000", await client.AskAsync($"m{end - 2:x},10"));
        Assert.Equal("E0e", await client.AskAsync($"m{end:x},10"));
        Assert.Equal("E0e", await client.AskAsync($"M{end - 2:x},4:01020304"));

        Assert.Equal("0000", await client.AskAsync($"m{end - 2:x},2"));
    }

    [Fact]
    public async Task ActionsGoToTheThreadsThatTheyName()
    {
        using var target = new FakeDebugTarget(vcpus: 3);
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.AskAsync("qSupported:swbreak+;hwbreak+");
        await client.AskAsync("Z0,40000010,4");
        var continued = target.Continued.Task;
        await client.SendAsync("vCont;s:2;t:3;c");
        await continued;
        Assert.Equal([DebugAction.Run, DebugAction.Step, DebugAction.Stay], target.LastActions);
        Assert.True(target.LastControls.BreaksAt(0x4000_0010));
        target.Stop(new DebugStop(0, KvmDebugStop.Breakpoint, 0x4000_0010));
        Assert.StartsWith("T05thread:1;swbreak:;", await client.ReadPacketAsync(), StringComparison.Ordinal);
        await client.AskAsync("Z4,40000020,8");
        continued = target.Continued.Task;
        await client.SendAsync("vCont;c");
        await continued;
        target.Stop(new DebugStop(1, KvmDebugStop.WatchedRead, 0x4000_0022));
        Assert.StartsWith("T05thread:2;awatch:40000022;", await client.ReadPacketAsync(), StringComparison.Ordinal);
        Assert.True(target.IsHeld);
    }

    [Fact]
    public async Task InterruptStopsARunningMachineAndTheEndOfTheMachineIsTold()
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        await client.AskAsync("?");
        var continued = target.Continued.Task;
        await client.SendAsync("c");
        await continued;
        await client.SendRawAsync("\u0003");
        Assert.StartsWith("T02thread:1;", await client.ReadPacketAsync(), StringComparison.Ordinal);
        continued = target.Continued.Task;
        await client.SendAsync("c");
        await continued;
        target.EndMachine();

        Assert.Equal("W00", await client.ReadPacketAsync());
        Assert.Null(await client.ReadPacketAsync());
    }

    [Theory]
    [InlineData("p")]
    [InlineData("pffff")]
    [InlineData("P0")]
    [InlineData("P0=00")]
    [InlineData("P0=zz")]
    [InlineData("P21=1f000000")]
    [InlineData("G00")]
    [InlineData("m")]
    [InlineData("m40000000")]
    [InlineData("m40000000,")]
    [InlineData("m40000000,ffffffffff")]
    [InlineData("M40000000,4:0102")]
    [InlineData("M40000000,2:010")]
    [InlineData("X40000000,1:}")]
    [InlineData("Z0")]
    [InlineData("Z0,40000002,4")]
    [InlineData("Z2,40000000,0")]
    [InlineData("Z2,40000000,ffffffffffffffff")]
    [InlineData("Hg9")]
    [InlineData("H")]
    [InlineData("T0")]
    [InlineData("vCont;x")]
    [InlineData("vCont;s:9")]
    [InlineData("vCont;C")]
    [InlineData("czz")]
    [InlineData("qRcmd,0")]
    [InlineData("qXfer:features:read:other.xml:0,10")]
    [InlineData("qXfer:features:read:target.xml:0")]
    public async Task NonsenseIsAnsweredWithAnError(string packet)
    {
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);

        Assert.Matches("^E[0-9a-f]{2}$", await client.AskAsync(packet));
        Assert.Equal("1", await client.AskAsync("qAttached"));
    }

    /// <summary>Mutated requests: every one is answered or lets the machine go on, and the server goes on serving.</summary>
    [Fact]
    public async Task MutatedRequestsNeverEndTheServer()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"Seed {seed}.");
        var random = new Random(seed);
        using var target = new FakeDebugTarget();
        await using var client = await RawGdbClient.ConnectAsync(target);
        string[] requests =
        [
            "?", "g", "p22", "P55=0400000000000000", "P22=" + new string('1', 512), "m40000000,40", "M40000000,2:0102", "X40000000,2:ab",
            "Z0,40000000,4", "z0,40000000,4", "Z2,40000100,8", "vCont?", "vCont;c", "vCont;s:1;c", "qSupported:swbreak+", "qRcmd,68656c70",
            "qXfer:features:read:target.xml:0,fff", "qfThreadInfo", "qThreadExtraInfo,1", "Hg1", "T1", "c40000000", "S05;40000000", "G" + new string('0', 536),
        ];
        for (var round = 0; round < 1000; round++)
        {
            var packet = Encoding.Latin1.GetBytes(requests[random.Next(requests.Length)]).ToList();
            for (var change = random.Next(4); change > 0; change--)
                Mutate(packet, random);
            var text = Encoding.Latin1.GetString([.. packet]);
            if (text.StartsWith('D') || text.StartsWith('k') || text.StartsWith("vKill", StringComparison.Ordinal))
                continue;
            await client.SendAsync(text);

            // A running machine answers nothing: the interrupt after it gives the one answer that there is then.
            await client.SendRawAsync("\u0003");
            Assert.NotNull(await client.ReadPacketAsync());
        }

        Assert.Equal("1", await client.AskAsync("qAttached"));
    }

    private static void Mutate(List<byte> packet, Random random)
    {
        // What frames a packet is the framing's own test.
        static byte Harmless(int value) => value is '#' or '$' or 3 ? (byte)'}' : (byte)value;
        var at = random.Next(packet.Count + 1);
        switch (random.Next(3))
        {
            case 0 when at < packet.Count:
                packet[at] = Harmless(random.Next(256));
                break;
            case 1 when at < packet.Count:
                packet.RemoveAt(at);
                break;
            default:
                packet.Insert(at, Harmless(random.Next(256)));
                break;
        }
    }
}
