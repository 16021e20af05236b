namespace CloudVm.Hypervisor.Kvm;

/// <summary>Arguments of a hypervisor call: X0 to X3.</summary>
internal readonly record struct FirmwareCall(ulong Function, ulong Argument1, ulong Argument2, ulong Argument3)
{
    /// <summary>As a 32-bit call sees it: the low halves of the arguments.</summary>
    public FirmwareCall Narrowed => new(Function, (uint)Argument1, (uint)Argument2, (uint)Argument3);
}

/// <summary>What a firmware call does beyond its result.</summary>
internal enum FirmwareEffect
{
    None,
    WaitForInterrupt,
    Shutdown,
    Reset,
}

/// <summary>Answer of a firmware call: X0 to X3 (smccc_set_retval), and its effect on the caller.</summary>
internal readonly record struct FirmwareAnswer(
    ulong Result, FirmwareEffect Effect = FirmwareEffect.None, ulong Result1 = 0, ulong Result2 = 0, ulong Result3 = 0)
{
    public static FirmwareAnswer NotSupported => new(ulong.MaxValue);
}
