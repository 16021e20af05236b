using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>A one-CPU machine of RAM only that runs hand-assembled words at EL1 with the MMU off.</summary>
internal sealed unsafe class GuestProgram : IDisposable
{
    public const ulong Start = 0x4000_0000;
    private const long MemorySize = 16 * 1024 * 1024;

    public GuestProgram(params ReadOnlySpan<uint> words)
        : this(CpuFeatures.All, words)
    {
    }

    public GuestProgram(CpuFeatures features, params ReadOnlySpan<uint> words)
    {
        Memory = new GuestMemory(Start, MemorySize);
        Domain = new EngineDomain(Memory, features, 1);
        Engine = Domain.CreateVcpu(0);
        Cpu = CpuState.Allocate();
        Cpu->Pc = Start;
        Cpu->El = 1;
        Cpu->SpSel = 1;
        Cpu->Daif = PState.DaifMask;
        Cpu->SctlrEl1 = 0x00c5_0078;
        Cpu->CpacrEl1 = 0x0033_0000;
        Cpu->VqSet = 0b1011;
        Cpu->MaxVq = 4;
        Cpu->VbarEl1 = Start + 0x8000;
        Write(Start, words);
    }

    public GuestMemory Memory { get; }

    public EngineDomain Domain { get; }

    public IVcpuEngine Engine { get; }

    public CpuState* Cpu { get; }

    public void Write(ulong address, params ReadOnlySpan<uint> words) =>
        Assert.True(Memory.TryWrite(address, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)));

    public ExitReason Run(long budget = 10_000) => Engine.Run(Cpu, budget);

    public void Dispose()
    {
        Domain.Dispose();
        Memory.Dispose();
        CpuState.Free(Cpu);
    }
}
