using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>A one-CPU machine of RAM only that runs hand-assembled words at EL1 with the MMU off.</summary>
internal sealed unsafe class GuestProgram : IDisposable
{
    public const ulong Start = 0x4000_0000;

    /// <summary>hvc #0, which leaves Run.</summary>
    public const uint Hvc0 = 0xd4000002;

    /// <summary>Where tests build translation tables.</summary>
    public const ulong Tables = Start + 0xc0_0000;

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

    public byte[] Read(ulong address, int length)
    {
        var bytes = new byte[length];
        Assert.True(Memory.TryRead(address, bytes));
        return bytes;
    }

    /// <summary>Puts an HVC at every EL1 vector, so that any exception leaves Run right after its entry.</summary>
    public void StopAtVectors()
    {
        for (uint offset = 0; offset < 0x800; offset += 0x80)
            Write(Cpu->VbarEl1 + offset, Hvc0);
    }

    /// <summary>Turns the MMU on with one normal-memory block that maps RAM to itself, EL1 and EL0 read-write-execute at EL1.</summary>
    public void MapIdentity()
    {
        const ulong Block = 0b01 | 1 << 10 | 3 << 8;
        Write(Tables + 8, (uint)Start | (uint)Block, 0);
        Cpu->Ttbr0El1 = Tables;
        Cpu->TcrEl1 = 25 | 1UL << 23 | 2UL << 32;
        Cpu->MairEl1 = 0xff;
        Cpu->SctlrEl1 |= 1;
    }

    public ExitReason Run(long budget = 10_000) => Engine.Run(Cpu, budget);

    public void Dispose()
    {
        Domain.Dispose();
        Memory.Dispose();
        CpuState.Free(Cpu);
    }
}
