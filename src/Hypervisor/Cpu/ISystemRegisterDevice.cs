namespace CloudVm.Hypervisor.Cpu;

/// <summary>A device that shows itself to a PE as system registers: the interrupt controller's CPU interface, the timers.</summary>
/// <remarks>Thread: the vCPU's.</remarks>
public interface ISystemRegisterDevice
{
    /// <summary>Reads a register of PE <paramref name="cpu"/>; false when the register is not this device's or cannot be read.</summary>
    bool TryRead(int cpu, SystemRegister register, out ulong value);

    /// <summary>Writes a register of PE <paramref name="cpu"/>; false when the register is not this device's or cannot be written.</summary>
    bool TryWrite(int cpu, SystemRegister register, ulong value);
}
