using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Addresses that the oracle and the engine share.</summary>
internal static class Layout
{
    public const ulong CodeBase = 0x4100_0000;
    public const ulong CodeBytes = 0x8000;

    /// <summary>Where the instruction under test stands; the rest of the code region is BRK.</summary>
    public const ulong Slot = CodeBase + 0x4000;

    public const ulong ScratchBase = 0x4108_0000;
    public const int ScratchBytes = 0x1_0000;
    public const ulong ScratchMiddle = ScratchBase + (ScratchBytes / 2);

    /// <summary>The scratch memory's content before each instruction.</summary>
    public static byte[] PristineScratch()
    {
        var random = new CaseRandom(0x5c7a7c8);
        var bytes = new byte[ScratchBytes];
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan()))
            word = random.Next();
        return bytes;
    }
}
