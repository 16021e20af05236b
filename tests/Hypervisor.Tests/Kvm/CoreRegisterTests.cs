using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Tests.Kvm.Cases;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>ONE_REG of struct kvm_regs, firmware registers and SVE beyond the measured cases.</summary>
public sealed class CoreRegisterTests
{
    private const uint El1Is32Bit = 0x2;

    /// <summary>Every id of the group, at every size: ENOENT out of range, EINVAL unless it is exactly a register.</summary>
    [Theory]
    [InlineData(0u)]
    [InlineData(TestVm.Sve)]
    public void EveryCoreIdOfEverySizeFollowsTheRule(uint features)
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.Initialized(features);
        for (var size = 0; size < 9; size++)
        {
            var words = (1 << size) / 4;
            for (var index = 0; index < 0xe0; index++)
            {
                var isV = index is >= 0x54 and < 0xd4;
                var registerSize = index < 0x52 && index % 2 == 0 ? 3
                    : isV && (index - 0x54) % 4 == 0 && features == 0 ? 4
                    : index is 0xd4 or 0xd5 ? 2 : -1;
                var expected = index >= 0xd8 || index + words >= 0xd8 ? Errno.ENOENT : size == registerSize ? Errno.Ok : Errno.EINVAL;
                var id = 0x6000000000100000 | (ulong)size << 52 | (uint)index;
                Assert.Equal((id, expected), (id, vcpu.Get(id)));
                Assert.Equal((id, expected == Errno.Ok ? Errno.EFAULT : expected), (id, vcpu.GetOneReg(id, default)));
            }
        }
    }

    [Theory]
    [InlineData(0x3c0ul, Errno.Ok, Errno.EINVAL)] // EL0t
    [InlineData(0x3c4ul, Errno.Ok, Errno.EINVAL)] // EL1t
    [InlineData(0x3c5ul, Errno.Ok, Errno.EINVAL)] // EL1h
    [InlineData(0x3c8ul, Errno.EINVAL, Errno.EINVAL)] // EL2t
    [InlineData(0x3c9ul, Errno.EINVAL, Errno.EINVAL)] // EL2h
    [InlineData(0x3cdul, Errno.EINVAL, Errno.EINVAL)] // EL3h
    [InlineData(0x3c1ul, Errno.EINVAL, Errno.EINVAL)]
    [InlineData(0x010ul, Errno.Ok, Errno.Ok)] // AArch32 User
    [InlineData(0x011ul, Errno.EINVAL, Errno.Ok)] // FIQ
    [InlineData(0x012ul, Errno.EINVAL, Errno.Ok)] // IRQ
    [InlineData(0x013ul, Errno.EINVAL, Errno.Ok)] // Supervisor
    [InlineData(0x017ul, Errno.EINVAL, Errno.Ok)] // Abort
    [InlineData(0x01bul, Errno.EINVAL, Errno.Ok)] // Undefined
    [InlineData(0x01ful, Errno.EINVAL, Errno.EINVAL)] // System
    [InlineData(0x016ul, Errno.EINVAL, Errno.EINVAL)] // Monitor
    public void PstateModesDependOnTheRegisterWidth(ulong pstate, Errno on64, Errno on32)
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        Assert.Equal(on64, host.Initialized(0, facts: CaseHost.WithAArch32).Set(Pstate, pstate));
        Assert.Equal(on32, host.Initialized(El1Is32Bit, facts: CaseHost.WithAArch32).Set(Pstate, pstate));
        Assert.Equal(Errno.EINVAL, host.WithoutSve().Set(Pstate, 0x10));
    }

    [Fact]
    public void PstateReadsBackAsWrittenAndAArch32NarrowsRegisters()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve(new HostFacts { AArch32El0 = true });
        vcpu.Write(Pstate, 0xffff_ffff_0000_0004);
        Assert.Equal(0xffff_ffff_0000_0004, vcpu.Value(Pstate));
        vcpu.Write(X0, 0x1_2345_6789);
        vcpu.Write(X0 + 30, 0x1_2345_6789);
        vcpu.Write(Pstate, 0x10);
        Assert.Equal(0x2345_6789ul, vcpu.Value(X0));
        Assert.Equal(0x1_2345_6789ul, vcpu.Value(X0 + 30)); // R15 is no general register
        vcpu.Write(Pc, 0x1_0000_0004);
        Assert.Equal(4ul, vcpu.Value(Pc));
    }

    [Fact]
    public void MalformedSveIdsFailBeforeAnythingElseIsLookedAt()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        foreach (var vcpu in new[] { host.WithoutSve(), host.Unfinalized(), host.Finalized() })
        {
            foreach (var id in new ulong[] { 0x6080000000150400, 0x6050000000150000, 0x6050000000150620, 0x6080000010150000, 0x603000000015ffff })
                Assert.Equal((id, Errno.EINVAL), (id, vcpu.GetOneReg(id, default)));
            Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(Z0 + 31, default));
        }

        Assert.Equal(Errno.ENOENT, host.WithoutSve().SetOneReg(Vls, default));
    }

    [Fact]
    public void TheSeriesTakesMalformedSveIdsInSilence()
    {
        using var host = new CaseHost(AbiProfile.Rfc2018);
        var vcpu = host.Unfinalized();
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, Counting(256)));
        var data = Enumerable.Repeat((byte)0xcc, 256).ToArray();
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(Vls, data));
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(0x6040000000150000, data));
        Assert.All(data, value => Assert.Equal(0xcc, value));
        Assert.Equal(vcpu.Read(Z0), vcpu.Read(0x6080000000150400)); // taken for register 32, which is register 0
        Assert.Equal(Errno.EFAULT, vcpu.GetOneReg(Z0 + 1, default));
    }

    [Fact]
    public void TheSeriesHasAWindowOnTheBytesOfCoreRegisters()
    {
        using var host = new CaseHost(AbiProfile.Rfc2018);
        var vcpu = host.Unfinalized();
        vcpu.Write(X0, 0x1122334455667788);
        Assert.Equal(0x11223344ul, vcpu.Value(0x6020000000100001));
        vcpu.Write(0x6020000000100001, 0xaabbccdd);
        Assert.Equal(0xaabbccdd55667788, vcpu.Value(X0));
        vcpu.Write(0x6020000000100056, 7); // the third word of V0
        Assert.Equal(7ul, vcpu.Value(0x6020000000100056));
        Assert.Equal(Errno.EINVAL, vcpu.Get(0x6040000000100056)); // half of V0 and half of V1
        Assert.Equal(Errno.EINVAL, vcpu.Set(Pstate, 0x1f));
        Assert.Equal(Errno.Ok, vcpu.Get(0x6020000000100052)); // padding
    }

    [Fact]
    public void FirmwareRegistersCheckDataBeforeTheIdOnlyWhenSet()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.Initialized(TestVm.Psci);
        Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(0x6030000000140009, default));
        Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(0x6030000000140009, default));
        Assert.Equal(Errno.ENOENT, vcpu.SetOneReg(0x6020000000140000, default));
        Assert.Equal(Errno.ENOENT, vcpu.Get(0x6030000000160003));
        foreach (var (version, expected) in new[] { (1ul, Errno.EINVAL), (2ul, Errno.Ok), (0x10000ul, Errno.Ok), (0x10001ul, Errno.Ok), (0x10002ul, Errno.EINVAL) })
            Assert.Equal((version, expected), (version, vcpu.Set(0x6030000000140000, version)));
        foreach (var (level, expected) in new[] { (0ul, Errno.Ok), (3ul, Errno.Ok), (4ul, Errno.EINVAL), (0x12ul, Errno.Ok), (0x13ul, Errno.EINVAL), (0x22ul, Errno.EINVAL) })
            Assert.Equal((level, expected), (level, vcpu.Set(0x6030000000140002, level)));
        Assert.Equal(Errno.EINVAL, vcpu.Set(0x6030000000140001, 3));

        vcpu.RunState.ImmediateExit = true;
        Assert.Equal(Errno.EINTR, vcpu.Run()); // a RUN that leaves at once counts
        Assert.Equal(Errno.EINVAL, vcpu.Set(0x6030000000160002, 4));
        Assert.Equal(Errno.EBUSY, vcpu.Set(0x6030000000160002, 1));
        Assert.Equal(Errno.Ok, vcpu.Set(0x6030000000160002, 3));
        Assert.Equal(Errno.Ok, vcpu.Set(0x6030000000140000, 2));
    }
}
