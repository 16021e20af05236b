using System.Text;
using CloudVm.Hypervisor.Devices.Pl011;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Devices;

public sealed class Pl011Tests
{
    private const ulong Dr = 0x00;
    private const ulong Fr = 0x18;
    private const ulong LcrH = 0x2c;
    private const ulong Imsc = 0x38;
    private const ulong Ris = 0x3c;
    private const ulong Icr = 0x44;
    private const uint RxEmpty = 0x10;
    private const uint RxFull = 0x40;

    private readonly List<byte> _sent = [];
    private readonly Pl011 _uart;
    private bool _irq;

    public Pl011Tests() => _uart = new Pl011(_sent.Add, level => _irq = level);

    [Fact]
    public void SendsBytesAndIsNeverFull()
    {
        foreach (var value in "hello"u8)
            _uart.Write(Dr, 4, value);

        Assert.Equal("hello", Encoding.ASCII.GetString([.. _sent]));
        Assert.Equal(0x80u, (uint)_uart.Read(Fr, 4) & 0xa0);
    }

    [Fact]
    public void FifoHoldsSixteenAndRefillsFromTheQueue()
    {
        _uart.Write(LcrH, 4, 0x10);
        Assert.Equal(20, _uart.Receive(new byte[20]));
        Assert.Equal(RxFull, (uint)_uart.Read(Fr, 4) & (RxFull | RxEmpty));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(0u, (uint)_uart.Read(Fr, 4) & RxEmpty);
            _uart.Read(Dr, 4);
        }

        Assert.Equal(RxEmpty, (uint)_uart.Read(Fr, 4) & (RxFull | RxEmpty));
    }

    [Fact]
    public void ReceiveInterruptLastsWhileThereIsData()
    {
        _uart.Write(Imsc, 4, 0x50);
        _uart.Receive("ab"u8);
        Assert.True(_irq);
        Assert.Equal((byte)'a', (byte)_uart.Read(Dr, 4));
        Assert.True(_irq);
        Assert.Equal((byte)'b', (byte)_uart.Read(Dr, 4));
        Assert.False(_irq);
    }

    [Fact]
    public void TransmitInterruptIsRaisedByWritingAndClearedByIcr()
    {
        _uart.Write(Imsc, 4, 0x20);
        Assert.False(_irq);
        _uart.Write(Dr, 4, 'x');
        Assert.True(_irq);
        _uart.Write(Icr, 4, 0x20);
        Assert.False(_irq);
        Assert.Equal(0u, (uint)_uart.Read(Ris, 4));
    }

    [Fact]
    public void InputQueueIsBounded()
    {
        Assert.Equal(64 * 1024, _uart.Receive(new byte[100_000]));
        Assert.Equal(0, _uart.Receive("x"u8));
    }

    [Fact]
    public void IdentifiesItself()
    {
        var id = Enumerable.Range(0, 8).Select(i => (byte)_uart.Read(0xfe0 + (4 * (ulong)i), 4));
        Assert.Equal([0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1], id);
    }

    [Fact]
    public void StateSurvivesSavingWithUnreadInput()
    {
        _uart.Write(LcrH, 4, 0x70);
        _uart.Write(Imsc, 4, 0x50);
        _uart.Receive("unread input, more than one FIFO of it"u8);
        _uart.Read(Dr, 4);
        var writer = new StateWriter();
        _uart.Save(writer);

        var restored = new Pl011(_ => { }, _ => { });
        restored.PrepareRestore(new StateReader("pl011", writer.Written.ToArray()))();

        var again = new StateWriter();
        restored.Save(again);
        Assert.Equal(writer.Written.ToArray(), again.Written.ToArray());
        Assert.Equal((byte)'n', (byte)restored.Read(Dr, 4));
    }

    [Fact]
    public void DamagedStateIsRefused()
    {
        var writer = new StateWriter();
        _uart.Save(writer);
        var bytes = writer.Written.ToArray();
        bytes[36] = 17; // more bytes in the FIFO than there are
        Assert.Throws<StateFormatException>(() => _uart.PrepareRestore(new StateReader("pl011", bytes)));
        Assert.Throws<StateFormatException>(() => _uart.PrepareRestore(new StateReader("pl011", bytes.AsMemory(0, 20))));
    }
}
