using System.Buffers.Binary;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm.Litmus;

/// <summary>
/// A VM whose vCPUs run bare-metal programs on threads of their own, with the MMU on: RAM is normal memory at its own address, and the
/// first GiB is device memory, where a store ends a program's batch.
/// </summary>
internal sealed class LitmusMachine : IDisposable
{
    public const ulong X = 0x4010_0000;
    public const ulong Y = 0x4014_0000;
    public const ulong Arrived = 0x4018_0000;
    public const ulong Meeting = 0x401c_0000;
    public const ulong Results = 0x4020_0000;
    public const ulong ResultStride = 0x8000;

    /// <summary>Bytes of memory between one round's variable and the next one's.</summary>
    public const int VariableStride = 64;

    private const ulong Programs = 0x4000_0000;
    private const ulong ProgramStride = 0x1000;
    private const ulong Tables = 0x4038_0000;
    private const ulong Done = 0x1000;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    private readonly TestVm _vm;
    private readonly KvmVcpu[] _vcpus;

    public LitmusMachine(int vcpus)
    {
        _vm = new TestVm("a64fx", vcpus: vcpus);
        Poke(Tables, 0x0000_0000 | 0b01 | 1 << 10 | 1 << 2); // attribute 1: device
        Poke(Tables + 8, 0x4000_0000 | 0b01 | 1 << 10 | 3 << 8);
        _vcpus = [.. Enumerable.Range(0, vcpus).Select(i => _vm.CreateReady(TestVm.Psci, i))];
        foreach (var vcpu in _vcpus)
        {
            Set(vcpu, 0x603000000013c100, Tables); // TTBR0_EL1
            Set(vcpu, 0x603000000013c102, 25 | 3UL << 12 | 1UL << 23 | 2UL << 32); // TCR_EL1
            Set(vcpu, 0x603000000013c510, 0x00ff); // MAIR_EL1
            Set(vcpu, 0x603000000013c080, 0x00c5_0079); // SCTLR_EL1
            X0To(vcpu, 4, Done);
        }
    }

    /// <summary>Gives a vCPU its program and X0, X1, … of it; X4 is where a store ends a batch.</summary>
    public void Load(int vcpu, ReadOnlySpan<uint> words, params ReadOnlySpan<(int Register, ulong Value)> registers)
    {
        var start = Programs + ((ulong)vcpu * ProgramStride);
        Assert.True(_vm.Memory.TryWrite(start, MemoryMarshal.AsBytes(words)));
        Set(_vcpus[vcpu], 0x6030000000100040, start);
        foreach (var (register, value) in registers)
            X0To(_vcpus[vcpu], register, value);
    }

    /// <summary>Runs all vCPUs at once for some batches; <paramref name="afterBatch"/> runs when all have ended one.</summary>
    public async Task RunAsync(int batches, Action afterBatch)
    {
        using var barrier = new Barrier(_vcpus.Length, _ => afterBatch());
        await Task.WhenAll(_vcpus.Select(vcpu => Task.Factory.StartNew(() => RunOne(vcpu, batches, barrier), TaskCreationOptions.LongRunning)))
            .WaitAsync(Deadline, TestContext.Current.CancellationToken);
    }

    public ulong Peek(ulong address)
    {
        Span<byte> value = stackalloc byte[8];
        Assert.True(_vm.Memory.TryRead(address, value));
        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }

    public void Poke(ulong address, ulong value) => Assert.True(_vm.Memory.TryWrite(address, BitConverter.GetBytes(value)));

    public void Clear(ulong address, int length) => Assert.True(_vm.Memory.TryWrite(address, new byte[length]));

    public void Dispose() => _vm.Dispose();

    private static void RunOne(KvmVcpu vcpu, int batches, Barrier barrier)
    {
        for (var batch = 0; batch < batches; batch++)
        {
            Assert.Equal(Errno.Ok, vcpu.Run());
            Assert.Equal((KvmExitReason.Mmio, Done), (vcpu.RunState.ExitReason, vcpu.RunState.MmioAddress));
            Assert.True(barrier.SignalAndWait(Deadline), "Another vCPU has not ended its batch.");
        }
    }

    private static void X0To(KvmVcpu vcpu, int register, ulong value) => Set(vcpu, 0x6030000000100000 + (2 * (ulong)register), value);

    private static void Set(KvmVcpu vcpu, ulong id, ulong value) => Assert.Equal(Errno.Ok, vcpu.SetOneReg(id, BitConverter.GetBytes(value)));
}
