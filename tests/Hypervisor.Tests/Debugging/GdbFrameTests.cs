using System.Text;
using CloudVm.Hypervisor.Debugging;

namespace CloudVm.Hypervisor.Tests.Debugging;

/// <summary>The framing of the GDB remote protocol.</summary>
public sealed class GdbFrameTests(ITestOutputHelper output)
{
    [Fact]
    public void PacketsAcknowledgementsAndInterruptsAreToldApart()
    {
        var seen = Read("+$g#67-\u0003$#00$m0,4#fd");

        Assert.Equal(
            [(GdbFrameKind.Packet, "g"), (GdbFrameKind.Resend, ""), (GdbFrameKind.Interrupt, ""), (GdbFrameKind.Packet, ""), (GdbFrameKind.Packet, "m0,4")],
            seen);
    }

    [Theory]
    [InlineData("$g#68")]
    [InlineData("$g#6x")]
    [InlineData("$g#x7")]
    public void WrongChecksumIsNoticed(string bytes) => Assert.Equal([(GdbFrameKind.BadChecksum, "")], Read(bytes));

    [Fact]
    public void ThreeWithinAPacketIsData() => Assert.Equal([(GdbFrameKind.Packet, "X\u0003")], Read("$X\u0003#5b"));

    [Fact]
    public void PacketThatIsCutOffIsForgotten() => Assert.Equal([(GdbFrameKind.Packet, "g")], Read("$m1234$g#67"));

    [Fact]
    public void LongestPacketIsTakenAndALongerOneIsNot()
    {
        var longest = new byte[GdbFrameReader.MaxPacketBytes];
        longest.AsSpan().Fill((byte)'a');
        Assert.Equal(GdbFrameKind.Packet, Assert.Single(Read(GdbText.Frame(longest))).Kind);
        Assert.Equal(GdbFrameKind.TooLong, Assert.Single(Read(GdbText.Frame([.. longest, (byte)'a']))).Kind);
    }

    [Fact]
    public void EscapesComeBackAsTheyWere()
    {
        var all = Enumerable.Range(0, 256).Select(static value => (byte)value).ToArray();
        var escaped = GdbText.Escape(all);
        Assert.False(escaped.AsSpan().ContainsAny("#$*"u8));
        Assert.Equal(all, GdbText.Unescape(escaped));
        Assert.Null(GdbText.Unescape("ab}"u8));
    }

    [Theory]
    [InlineData("", false, 0)]
    [InlineData("0", true, 0)]
    [InlineData("fFfFfFfFfFfFfFfF", true, ulong.MaxValue)]
    [InlineData("10000000000000000", false, 0)]
    [InlineData("1g", false, 0)]
    [InlineData("-1", false, 0)]
    public void NumbersAreHexadecimalAndFit(string text, bool valid, ulong expected)
    {
        Assert.Equal(valid, GdbText.TryParseHex(Encoding.ASCII.GetBytes(text), out ulong value));
        if (valid)
            Assert.Equal(expected, value);
    }

    /// <summary>Whatever noise comes first, a packet after it is found once the reader is outside of the noise.</summary>
    [Fact]
    public void AfterAnyNoiseAPacketIsFound()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"Seed {seed}.");
        var random = new Random(seed);
        ReadOnlySpan<byte> alphabet = "$#+-}*0a\u0003\u00ff"u8;
        var noise = new byte[512];
        for (var round = 0; round < 2000; round++)
        {
            for (var i = 0; i < noise.Length; i++)
                noise[i] = alphabet[random.Next(alphabet.Length)];
            var reader = new GdbFrameReader();
            foreach (var value in noise)
                reader.Add(value);
            var found = false;
            foreach (var value in "$#00$#00$?#3f"u8)
                found = reader.Add(value) == GdbFrameKind.Packet && reader.Packet.Span.SequenceEqual("?"u8);
            Assert.True(found, $"Round {round}.");
        }
    }

    private static List<(GdbFrameKind Kind, string Data)> Read(string bytes) => Read(Encoding.Latin1.GetBytes(bytes));

    private static List<(GdbFrameKind Kind, string Data)> Read(byte[] bytes)
    {
        var reader = new GdbFrameReader();
        var seen = new List<(GdbFrameKind, string)>();
        foreach (var value in bytes)
        {
            var kind = reader.Add(value);
            if (kind != GdbFrameKind.None)
                seen.Add((kind, kind == GdbFrameKind.Packet ? Encoding.Latin1.GetString(reader.Packet.Span) : string.Empty));
        }

        return seen;
    }
}
