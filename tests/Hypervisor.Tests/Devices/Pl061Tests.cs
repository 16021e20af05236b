using CloudVm.Hypervisor.Devices.Pl061;

namespace CloudVm.Hypervisor.Tests.Devices;

public sealed class Pl061Tests
{
    private readonly Pl061 _gpio;
    private bool _irq;

    public Pl061Tests() => _gpio = new Pl061(level => _irq = level);

    [Fact]
    public void DataIsMaskedByTheAddress()
    {
        _gpio.Write(0x400, 4, 0xff);
        _gpio.Write(0x0f << 2, 4, 0xff);
        Assert.Equal(0x0ful, _gpio.Read(0xff << 2, 4));
        Assert.Equal(0x03ul, _gpio.Read(0x03 << 2, 4));
    }

    [Fact]
    public void RisingEdgeOfThePowerButtonInterrupts()
    {
        const uint Button = 1 << Pl061.PowerButton;
        _gpio.Write(0x40c, 4, Button);
        _gpio.Write(0x410, 4, Button);
        _gpio.SetInput(Pl061.PowerButton, true);
        Assert.True(_irq);
        Assert.Equal(Button, (uint)_gpio.Read(0x418, 4));
        _gpio.Write(0x41c, 4, Button);
        Assert.False(_irq);
        _gpio.SetInput(Pl061.PowerButton, false);
        Assert.False(_irq);
    }
}
