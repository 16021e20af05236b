using System.Buffers.Binary;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>KVM_SET_USER_MEMORY_REGION, its errors as the kernel gives them, and what the guest sees of slots.</summary>
public sealed class MemorySlotTests : IDisposable
{
    private const ulong Ram = 0x4000_0000;
    private const ulong X1 = 0x6030000000100002;
    private const ulong X3 = 0x6030000000100006;
    private const ulong Pc = 0x6030000000100040;

    private readonly EmulatedHost _host = new(HostProfile.BuiltIn["a64fx"]);
    private readonly GuestMemory _memory = GuestMemory.CreateAddressSpace(40);
    private readonly KvmVm _vm;

    public MemorySlotTests() =>
        _vm = new KvmSystem(_host, AbiProfile.Linux612, EngineFeatures.Implemented).CreateVm(_memory, 1, TimeProvider.System);

    public void Dispose()
    {
        _vm.Dispose();
        _host.Dispose();
        _memory.Dispose();
    }

    [Theory]
    [InlineData(0, 4, Ram, 0x1000, 0, Errno.EINVAL)] // unknown flag
    [InlineData(0, 0, Ram, 0x800, 0, Errno.EINVAL)] // size not in pages
    [InlineData(0, 0, Ram + 0x800, 0x1000, 0, Errno.EINVAL)] // address not a page's
    [InlineData(0, 0, Ram, 0x1000, 0x10, Errno.EINVAL)] // userspace address not a page's
    [InlineData(0, 0, Ram, 0x1000, 0xffff_0000_0000_0000, Errno.EINVAL)] // no user's address
    [InlineData(32767, 0, Ram, 0x1000, 0, Errno.EINVAL)] // one slot too many
    [InlineData(65536, 0, Ram, 0x1000, 0, Errno.EINVAL)] // another address space
    [InlineData(0, 0, 0xffff_ffff_ffff_f000, 0x1000, 0, Errno.EINVAL)] // wraps
    [InlineData(0, 0, Ram, 0x800_0000_0000, 0, Errno.EINVAL)] // too many pages
    [InlineData(0, 0, Ram, 0, 0, Errno.EINVAL)] // deletes what is not there
    [InlineData(0, 0, 1UL << 40, 0x1000, 0, Errno.EFAULT)] // beyond the guest's addresses
    [InlineData(0, 0, (1UL << 40) - 0x1000, 0x2000, 0, Errno.EFAULT)]
    [InlineData(32766, 0, (1UL << 40) - 0x1000, 0x1000, 0, Errno.Ok)]
    [InlineData(0, 3, Ram, 0x1000, 0, Errno.Ok)]
    public void ARegionIsCheckedAsInTheKernel(uint slot, uint flags, ulong address, ulong size, ulong user, Errno expected)
    {
        Assert.Equal(expected, _vm.SetUserMemoryRegion(new(slot, flags, address, size, user)));
        Assert.Equal(expected == Errno.Ok ? 1 : 0, _vm.MemoryRegions.Count());
    }

    [Fact]
    public void SlotsDoNotOverlapAndKeepTheirSize()
    {
        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(1, 0, Ram, 0x4000, 0)));
        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(2, 0, Ram + 0x4000, 0x4000, 0x4000)));

        Assert.Equal(Errno.EEXIST, _vm.SetUserMemoryRegion(new(3, 0, Ram + 0x3000, 0x2000, 0)));
        Assert.Equal(Errno.EEXIST, _vm.SetUserMemoryRegion(new(1, 0, Ram + 0x1000, 0x4000, 0)));
        Assert.Equal(Errno.EINVAL, _vm.SetUserMemoryRegion(new(1, 0, Ram, 0x3000, 0)));
        Assert.Equal(Errno.EINVAL, _vm.SetUserMemoryRegion(new(1, 0, Ram, 0x4000, 0x1000)));
        Assert.Equal(Errno.EINVAL, _vm.SetUserMemoryRegion(new(1, 2, Ram, 0x4000, 0)));
        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(1, 0, Ram, 0x4000, 0)));
        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(1, 1, Ram, 0x4000, 0)));
        Assert.Equal(
            [new(1, 1, Ram, 0x4000, 0), new(2, 0, Ram + 0x4000, 0x4000, 0x4000)],
            _vm.MemoryRegions);
    }

    [Fact]
    public void AllSlotsTogetherHaveALimit()
    {
        _vm.MemoryLimitBytes = 0x3000;

        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(0, 0, Ram, 0x2000, 0)));
        Assert.Equal(Errno.ENOMEM, _vm.SetUserMemoryRegion(new(1, 0, Ram + 0x2000, 0x2000, 0)));
        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(1, 0, Ram + 0x2000, 0x1000, 0)));
    }

    [Fact]
    public void ContentMovesWithASlotAndGoesWithIt()
    {
        byte[] mark = [1, 2, 3, 4];
        var read = new byte[4];
        _vm.SetUserMemoryRegion(new(0, 0, Ram, 0x4000, 0));
        Assert.True(_memory.TryWrite(Ram, mark));
        Assert.True(_memory.TryWrite(Ram + 0x3ffc, mark));

        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(0, 0, Ram + 0x1000, 0x4000, 0))); // overlaps where it was
        Assert.False(_memory.TryRead(Ram, read));
        Assert.True(_memory.TryRead(Ram + 0x1000, read));
        Assert.Equal(mark, read);
        Assert.True(_memory.TryRead(Ram + 0x4ffc, read));
        Assert.Equal(mark, read);
        Assert.True(_memory.TryRead(Ram + 0x3ffc, read));
        Assert.Equal(new byte[4], read);

        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(0, 0, 0, 0, 0)));
        Assert.False(_memory.TryRead(Ram + 0x1000, read));
        Assert.Equal(Errno.Ok, _vm.SetUserMemoryRegion(new(0, 0, Ram + 0x1000, 0x4000, 0)));
        Assert.True(_memory.TryRead(Ram + 0x1000, read));
        Assert.Equal(new byte[4], read);
    }

    [Fact]
    public void AccessesReachAcrossNeighboursAndNotIntoHoles()
    {
        _vm.SetUserMemoryRegion(new(0, 0, Ram, 0x1000, 0));
        _vm.SetUserMemoryRegion(new(1, 2, Ram + 0x1000, 0x1000, 0x1000));

        Assert.True(_memory.TryRead(Ram + 0xffc, new byte[8]));
        Assert.False(_memory.TryWrite(Ram + 0xffc, new byte[8]));
        Assert.True(_memory.TryWrite(Ram + 0xff8, new byte[8]));
        Assert.True(_memory.TryLoad(Ram + 0x1ff8, new byte[8]));
        Assert.False(_memory.TryRead(Ram + 0x1ffc, new byte[8]));
        Assert.False(_memory.TryRead(Ram - 4, new byte[8]));
    }

    /// <summary>A guest stores to a slot, to the same slot read-only, and to nothing: RAM, MMIO, MMIO. Its TLB must not remember.</summary>
    [Fact]
    public void AGuestSeesSlotsComeAndGo()
    {
        const ulong Data = 0x8000_0000;
        const ulong Nothing = 0x9000_0000;
        uint[] code = [0xf9000021, 0xf9400022, 0xf9000061]; // str x1, [x1]; ldr x2, [x1]; str x1, [x3]
        _vm.SetUserMemoryRegion(new(0, 0, Ram, 0x1000, 0));
        _memory.TryLoad(Ram, System.Runtime.InteropServices.MemoryMarshal.AsBytes(code.AsSpan()));
        _vm.CreateVcpu(0, out var created);
        var vcpu = created!;
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, TestVm.Psci));

        Start();
        Assert.Equal((KvmExitReason.Mmio, Data, true, Data), (vcpu.RunState.ExitReason, vcpu.RunState.MmioAddress, vcpu.RunState.MmioIsWrite, vcpu.RunState.MmioData));

        _vm.SetUserMemoryRegion(new(1, 0, Data, 0x1000, 0x1000));
        Start();
        Assert.Equal((KvmExitReason.Mmio, Nothing), (vcpu.RunState.ExitReason, vcpu.RunState.MmioAddress));
        var stored = new byte[8];
        Assert.True(_memory.TryRead(Data, stored));
        Assert.Equal(Data, BinaryPrimitives.ReadUInt64LittleEndian(stored));

        _vm.SetUserMemoryRegion(new(1, 0, 0, 0, 0));
        _vm.SetUserMemoryRegion(new(1, 2, Data, 0x1000, 0x1000));
        Start();
        Assert.Equal((KvmExitReason.Mmio, true), (vcpu.RunState.ExitReason, vcpu.RunState.MmioIsWrite));

        _vm.SetUserMemoryRegion(new(1, 0, 0, 0, 0));
        Assert.Equal(Errno.Ok, vcpu.Run()); // completes the store, then loads from nothing
        Assert.Equal((KvmExitReason.Mmio, false, 8), (vcpu.RunState.ExitReason, vcpu.RunState.MmioIsWrite, vcpu.RunState.MmioLength));

        void Start()
        {
            vcpu.RunState.ImmediateExit = true;
            Assert.Equal(Errno.EINTR, vcpu.Run()); // completes what is pending
            vcpu.RunState.ImmediateExit = false;
            Set(X1, Data);
            Set(X3, Nothing);
            Set(Pc, Ram);
            Assert.Equal(Errno.Ok, vcpu.Run());
        }

        void Set(ulong id, ulong number)
        {
            var value = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(value, number);
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(id, value));
        }
    }
}
