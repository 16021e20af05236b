using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Tests.Kvm.Cases;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>System registers through ONE_REG and as guests find them: hidden, reading as zero, present; what ID registers may become.</summary>
public sealed class SystemRegisterInterfaceTests
{
    private const ulong Clidr = 0x603000000013c801;
    private const ulong Ctr = 0x603000000013d801;
    private const ulong Midr = 0x603000000013c000;
    private const ulong Dfr0 = 0x603000000013c028;
    private const ulong Dfr0AArch32 = 0x603000000013c00a;
    private const ulong Mmfr0 = 0x603000000013c038;
    private const ulong Ccsidr0 = 0x6020000000110000;

    private const ulong Pfr0Mask = 0xffff00f00f00ffff;
    private const ulong Zfr0Mask = 0x0ff0ff0f0fff00ff;

    [Fact]
    public void MasksSayWhatIsWritable()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var range = new KvmRegMaskRange();
        range.Address.AsSpan().Fill(1);
        Assert.Equal(Errno.Ok, host.Vm().Vm.GetRegWritableMasks(range));
        Assert.Equal(Pfr0Mask, range.Address[KvmRegMaskRange.IndexOf(0, 4, 0)]);
        Assert.Equal(Zfr0Mask, range.Address[KvmRegMaskRange.IndexOf(0, 4, 4)]);
        Assert.Equal(0ul, range.Address[KvmRegMaskRange.IndexOf(0, 4, 5)]);
        Assert.Equal(0ul, range.Address[KvmRegMaskRange.IndexOf(0, 1, 2)]); // AArch32's, without AArch32
        Assert.NotEqual(0ul, range.Address[KvmRegMaskRange.IndexOf(1, 0, 1)]); // CLIDR_EL1
        Assert.NotEqual(0ul, range.Address[KvmRegMaskRange.IndexOf(3, 0, 1)]); // CTR_EL0
        Assert.Equal(Errno.EFAULT, host.Vm().Vm.GetRegWritableMasks(new KvmRegMaskRange { Address = [] }));
    }

    [Fact]
    public void WritableFieldsGoDownAndUpToTheHostsUntilTheVmRuns()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.Finalized();
        var zfr0 = vcpu.Value(Zfr0);
        var withoutBf16 = zfr0 & ~(0xful << 20);
        Assert.NotEqual(zfr0, withoutBf16);
        Assert.Equal(Errno.EINVAL, vcpu.Set(Zfr0, zfr0 + (1ul << 20)));
        Assert.Equal(Errno.EINVAL, vcpu.Set(Zfr0, zfr0 | (1ul << 60)));
        vcpu.Write(Zfr0, withoutBf16);
        Assert.Equal(withoutBf16, vcpu.Value(Zfr0));
        vcpu.Write(Zfr0, zfr0);
        vcpu.Write(Zfr0, withoutBf16);
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve));
        Assert.Equal(withoutBf16, vcpu.Value(Zfr0));

        var guest = new CaseGuest(host, vcpu, 0x330000);
        Assert.Equal(withoutBf16, guest.Run(CaseGuest.Mrs(0, 0xc024)));
        Assert.Equal(Errno.EBUSY, vcpu.Set(Zfr0, zfr0));
        Assert.Equal(Errno.Ok, vcpu.Set(Zfr0, withoutBf16));
        Assert.Equal(Errno.EBUSY, vcpu.Set(0x603000000013c023, 1));
    }

    [Fact]
    public void FieldsHaveTheirOwnIdeaOfSafe()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve();
        var dfr0 = vcpu.Value(Dfr0);
        Assert.Equal(Errno.EINVAL, vcpu.Set(Dfr0, dfr0 - 1)); // DebugVer below Armv8
        Assert.Equal(Errno.Ok, vcpu.Set(Dfr0, dfr0 | 0xf00)); // an implementation-defined PMU is forgiven
        Assert.Equal(0ul, vcpu.Value(Dfr0) & 0xf00);
        Assert.Equal(Errno.EINVAL, vcpu.Set(Dfr0, dfr0 ^ (1ul << 12))); // breakpoints are fixed
        Assert.Equal(Errno.Ok, vcpu.Set(Dfr0, dfr0 - (1ul << 20))); // fewer watchpoints
        var mmfr0 = vcpu.Value(Mmfr0);
        Assert.Equal(Errno.Ok, vcpu.Set(Mmfr0, mmfr0 | (0xful << 28))); // without 4 KiB pages
        Assert.Equal(Errno.EINVAL, vcpu.Set(Mmfr0, mmfr0 | (1ul << 28))); // with 52 bits
        Assert.Equal(Errno.Ok, vcpu.Set(Mmfr0, mmfr0 - 1));
        Assert.Equal(Errno.EINVAL, vcpu.Set(Mmfr0, mmfr0 & ~0xf0ul)); // what ASIDs have is the hardware's
    }

    /// <summary>ID_DFR0_EL1 has nonzero minima as ID_AA64DFR0_EL1 has.</summary>
    [Fact]
    public void AArch32DebugFeaturesHaveMinima()
    {
        const uint Pmu = 0x8;
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.Initialized(Pmu, facts: CaseHost.WithAArch32 with { Pmu = true });
        var dfr0 = vcpu.Value(Dfr0AArch32);
        Assert.Equal(0x0300_0006ul, dfr0 & 0x0f00_000f);
        Assert.Equal(Errno.EINVAL, vcpu.Set(Dfr0AArch32, dfr0 - 1)); // CopDbg below Armv8
        Assert.Equal(Errno.EINVAL, vcpu.Set(Dfr0AArch32, dfr0 - (1ul << 24))); // PMUv2
        Assert.Equal(Errno.Ok, vcpu.Set(Dfr0AArch32, dfr0 & ~(0xful << 24)));
        Assert.Equal(Errno.Ok, vcpu.Set(Dfr0AArch32, dfr0));
        Assert.Equal(Errno.Ok, vcpu.Set(Dfr0AArch32, dfr0 | (0xful << 24))); // an implementation-defined PMU counts as none
        Assert.Equal(dfr0 & ~(0xful << 24), vcpu.Value(Dfr0AArch32));
    }

    [Fact]
    public void MpidrIsResetOnceInNewerKernelsAndEveryTimeInOlder()
    {
        Assert.Equal(0x8000_0055ul, AfterSecondInit(AbiProfile.Linux612));
        Assert.Equal(0x8000_0000ul, AfterSecondInit(AbiProfile.Linux61));

        static ulong AfterSecondInit(AbiProfile abi)
        {
            const ulong Mpidr = 0x603000000013c005;
            using var host = new CaseHost(abi);
            var vcpu = host.WithoutSve();
            Assert.Equal(0x8000_0000ul, vcpu.Value(Mpidr));
            vcpu.Write(Mpidr, 0x8000_0055);
            Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, 0));
            return vcpu.Value(Mpidr);
        }
    }

    [Fact]
    public void OlderKernelsTakeOnlyTheirOwnValuesAndLowerSpeculationFields()
    {
        using var host = new CaseHost(AbiProfile.Linux61);
        var vcpu = host.Finalized();
        foreach (var id in new[] { Zfr0, Isar0, Dfr0, Ctr, Clidr, Midr })
        {
            var value = vcpu.Value(id);
            Assert.Equal((id, Errno.Ok), (id, vcpu.Set(id, value)));
            Assert.Equal((id, Errno.EINVAL), (id, vcpu.Set(id, value ^ 1ul << 20)));
        }

        var pfr0 = vcpu.Value(Pfr0);
        vcpu.Write(Pfr0, pfr0 & ~(0xfful << 56));
        Assert.Equal(pfr0 & ~(0xfful << 56), vcpu.Value(Pfr0));
        Assert.Equal(Errno.EINVAL, vcpu.Set(Pfr0, pfr0 & ~(0xful << 48)));
        Assert.Equal(Errno.EINVAL, vcpu.Set(Pfr0, pfr0 | (2ul << 56)));
    }

    [Fact]
    public void CacheDescriptionIsRestrictedInNewerKernels()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve();
        Assert.Equal(Errno.EINVAL, vcpu.Set(Clidr, 1ul << 47));
        vcpu.Write(Clidr, 0x0300_0023);
        Assert.Equal(0x0300_0023ul, vcpu.Value(Clidr));
        Assert.Equal(Errno.EINVAL, vcpu.Set(Ccsidr0, 1)); // lines of 32 bytes
        vcpu.Write(Ccsidr0, 0x1ff00a);
        Assert.Equal(0x1ff00aul, vcpu.Value(Ccsidr0));
        Assert.Equal(2ul, vcpu.Value(Ccsidr0 + 13));

        var ctr = vcpu.Value(Ctr);
        Assert.Equal(Errno.EINVAL, vcpu.Set(Ctr, ctr | (1ul << 29)));
        Assert.Equal(Errno.EINVAL, vcpu.Set(Ctr, ctr ^ (1ul << 14)));
        vcpu.Write(Ctr, ctr & ~(1ul << 28));
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, 0));
        Assert.Equal(ctr & ~(1ul << 28), vcpu.Value(Ctr));
        Assert.Equal(0x0300_0023ul, vcpu.Value(Clidr));

        var guest = new CaseGuest(host, vcpu, 0);
        Assert.Equal(ctr & ~(1ul << 28), guest.Run(CaseGuest.Mrs(0, 0xd801)));
        Assert.Equal(0x0300_0023ul, guest.Run(CaseGuest.Mrs(0, 0xc801)));
        Assert.Equal(0x1ff00aul, guest.Run(CaseGuest.Msr(0xd000, 31), CaseGuest.Mrs(0, 0xc800))); // CSSELR_EL1 = 0
    }

    [Fact]
    public void OlderKernelsHaveTheHostsCaches()
    {
        using var host = new CaseHost(AbiProfile.Linux61);
        foreach (var (caches, selectors) in new[] { (0, ""), (1, "0"), (2, "0,1"), (3, "0,1,2"), (5, "0,1,2,4,6") })
        {
            var vcpu = host.WithoutSve(new HostFacts { CacheCount = caches });
            Assert.Equal(selectors, string.Join(',', Enumerable.Range(0, 14).Where(selector => vcpu.Get(Ccsidr0 + (ulong)selector) == Errno.Ok)));
            if (caches > 0)
                Assert.Equal(Errno.EINVAL, vcpu.Set(Ccsidr0, vcpu.Value(Ccsidr0) + 8));
        }
    }

    [Fact]
    public void AArch32IdentificationIgnoresWritesWhereItReadsAsZero()
    {
        const ulong Pfr0AArch32 = 0x603000000013c008;
        using var host = new CaseHost(AbiProfile.Linux612);
        var without = host.WithoutSve();
        Assert.Equal(0ul, without.Value(Pfr0AArch32));
        Assert.Equal(Errno.Ok, without.Set(Pfr0AArch32, 99));
        Assert.Equal(0ul, without.Value(Pfr0AArch32));
        var with = host.WithoutSve(CaseHost.WithAArch32);
        Assert.Equal(0x131ul, with.Value(Pfr0AArch32));
        Assert.Equal(Errno.EINVAL, with.Set(Pfr0AArch32, 99));
        Assert.Equal(0x22ul, with.Value(Pfr0) & 0xff);
    }

    [Fact]
    public void SettingLooksAtTheDataBeforeTheRegister()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve();
        Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(Zcr, default));
        Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(Zcr, default));
        Assert.Equal(Errno.ENOENT, vcpu.Set(0x602000000013c080, 0));
        Assert.Equal(Errno.ENOENT, vcpu.Get(0x603000001013c080));
        Assert.Equal(Errno.ENOENT, vcpu.Get(0x6030000000120000));
        Assert.Equal(Errno.ENOENT, vcpu.Get(0x6030000000170000));
        Assert.Equal(Errno.ENOENT, vcpu.Set(0x6030000000170000, 0));
        Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(0x6030000000120000, default)); // no group: it ends up with the system registers
        Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(0x6030000000170000, default));

        using var series = new CaseHost(AbiProfile.Rfc2018);
        vcpu = series.WithoutSve();
        Assert.Equal(Errno.ENOENT, vcpu.SetOneReg(Zcr, default));
        Assert.Equal(Errno.ENOENT, vcpu.SetOneReg(Z0, default));
        Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(Cpacr, default));
    }

    /// <summary>A guest that pokes at a register which its vCPU hides finds UNDEF, and the host has nothing to complain about.</summary>
    [Theory]
    [InlineData(0xc090u, true)] // ZCR_EL1
    [InlineData(0xc108u, true)] // APIAKEYLO_EL1
    [InlineData(0xdce0u, true)] // PMCR_EL0
    [InlineData(0xc085u, true)] // RGSR_EL1
    [InlineData(0xc103u, true)] // TCR2_EL1, of a feature that no CPU here has
    [InlineData(0xda12u, true)] // SVCR: SME is kept from every guest
    [InlineData(0xde85u, true)] // TPIDR2_EL0
    [InlineData(0xc07fu, false)] // not allocated at all
    public void PokingAtHiddenRegistersIsTheGuestsProblem(uint register, bool isKnown)
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var guest = new CaseGuest(host, host.WithoutSve(), 0x330000);
        Assert.Equal(0x0200_0000ul, guest.RunToException(CaseGuest.Mrs(0, register)));
        Assert.Equal(0x0200_0000ul, guest.RunToException(CaseGuest.Msr(register, 0)));
        Assert.Equal(isKnown ? 0ul : 2ul, guest.Vcpu.Counters.UnknownSystemRegisters);
    }

    /// <summary>The kernel compares the counter whether the timer is on or off; what is written to ISTATUS counts for nothing.</summary>
    [Theory]
    [InlineData(0x603000000013df19, 0x603000000013df02)] // virtual: the compare value goes by the counter's encoding
    [InlineData(0x603000000013df11, 0x603000000013df12)] // physical
    public void TimersSayThatTheyHaveExpiredEvenWhenOff(ulong control, ulong compare)
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve();
        Assert.Equal(4ul, vcpu.Value(control));
        vcpu.Write(compare, ulong.MaxValue);
        Assert.Equal(0ul, vcpu.Value(control));
        vcpu.Write(control, 6);
        Assert.Equal(2ul, vcpu.Value(control));
        vcpu.Write(compare, 0);
        Assert.Equal(6ul, vcpu.Value(control));
    }

    [Fact]
    public void ZcrIsMaskedByTheHardwareOnly()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.Finalized();
        vcpu.Write(Zcr, ulong.MaxValue);
        vcpu.RunState.ImmediateExit = true;
        Assert.Equal(Errno.EINTR, vcpu.Run());
        Assert.Equal(ulong.MaxValue, vcpu.Value(Zcr));
        new CaseGuest(host, vcpu, 0).Run(0xd503201f);
        Assert.Equal(0xful, vcpu.Value(Zcr));
    }
}
