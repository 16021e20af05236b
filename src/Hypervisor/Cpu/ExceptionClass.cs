namespace CloudVm.Hypervisor.Cpu;

/// <summary>ESR_ELx.EC values that AArch64 EL1 and EL2 can see.</summary>
public static class ExceptionClass
{
    public const uint Unknown = 0x00;
    public const uint TrappedWfx = 0x01;
    public const uint TrappedFp = 0x07;
    public const uint TrappedPauth = 0x09;
    public const uint BranchTarget = 0x0d;
    public const uint IllegalState = 0x0e;
    public const uint Svc64 = 0x15;
    public const uint Hvc64 = 0x16;
    public const uint Smc64 = 0x17;
    public const uint SystemRegister = 0x18;
    public const uint TrappedSve = 0x19;
    public const uint InstructionAbortLower = 0x20;
    public const uint InstructionAbortSame = 0x21;
    public const uint PcAlignment = 0x22;
    public const uint DataAbortLower = 0x24;
    public const uint DataAbortSame = 0x25;
    public const uint SpAlignment = 0x26;
    public const uint SError = 0x2f;

    /// <summary>Breakpoint from EL0; one more from EL1. As are the next two.</summary>
    public const uint BreakpointLower = 0x30;
    public const uint SoftwareStepLower = 0x32;
    public const uint WatchpointLower = 0x34;
    public const uint Brk64 = 0x3c;

    /// <summary>An ESR value for a 32-bit instruction (IL set).</summary>
    public static uint Syndrome(uint exceptionClass, uint iss) => (exceptionClass << 26) | (1u << 25) | iss;
}
