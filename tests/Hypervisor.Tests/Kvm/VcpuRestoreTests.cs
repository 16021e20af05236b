using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Snapshots;
using CloudVm.Hypervisor.Tests.Kvm.Cases;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>A vCPU's state moves to another only if that can be the very same, and every reason against it is named.</summary>
public sealed class VcpuRestoreTests
{
    [Fact]
    public void StateMovesWithEachVcpusOwnLengths()
    {
        foreach (var abi in AbiProfile.All)
        {
            using var host = new CaseHost(abi);
            var (source, destination) = (Ready(host, "1,2,4", 3), Ready(host, "1,2,4", 3));
            new CaseGuest(host, source, 0x330000).Run(0x2538c221, 0xd2800540); // dup z1.b, #0x11; mov x0, #42
            Assert.Equal(Errno.Ok, source.SetOneReg(Z0, Counting(256)));
            source.Write(Ffr, 0xa005);

            Restore(source, destination);

            foreach (var id in new[] { X0, Pc, Z0, Z0 + 32, Ffr, Zcr, Cpacr, Vbar, Zfr0, Pfr0 })
                Assert.Equal(source.Read(id), destination.Read(id));
        }
    }

    [Theory]
    [InlineData("1,2,4", 1ul, "finalized with others")]
    [InlineData("1,2", 3ul, "this host can offer {128 256}")]
    [InlineData("1,2,3,4", 7ul, "this host can offer {128 256 384 512}")]
    [InlineData("1,2,4,8", 0x8bul, "finalized with others")]
    public void AnotherVectorLengthSetIsRefused(string cpus, ulong set, string reason)
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        Assert.Contains(Refusals(Ready(host, "1,2,4", 0xb), Ready(host, cpus, set)), r => r.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public void EveryReasonIsNamed()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var reasons = Refusals(Ready(host, "1,2,4", 0xb), host.WithoutSve());
        Assert.Contains(reasons, r => r.Contains("features", StringComparison.Ordinal));
        Assert.Contains(reasons, r => r.Contains("the vCPU has no SVE", StringComparison.Ordinal));
        Assert.Contains(reasons, r => r.Contains("6080000000150000 is in the state and not here", StringComparison.Ordinal));
        Assert.Contains(reasons, r => r.Contains("6040000000100054 is missing from the state", StringComparison.Ordinal));
    }

    [Fact]
    public void LoweredIdRegistersMoveUntilTheDestinationHasRun()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var (source, destination, late) = (Ready(host, "1,2,4", 0xb), Ready(host, "1,2,4", 0xb), Ready(host, "1,2,4", 0xb));
        var lowered = source.Value(Zfr0) & ~(0xful << 20);
        source.Write(Zfr0, lowered);

        Restore(source, destination);
        Assert.Equal(lowered, destination.Value(Zfr0));

        new CaseGuest(host, late, 0x330000).Run(0xd503201f);
        var before = late.Value(Zfr0);
        Assert.Contains(Refusals(source, late), r => r.Contains("ID_AA64ZFR0_EL1", StringComparison.Ordinal) && r.Contains("EBUSY", StringComparison.Ordinal));
        Assert.Equal(before, late.Value(Zfr0));
    }

    [Fact]
    public void AnotherCpuIsRefused()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var destination = host.Vm(midr: CaseHost.CortexA57Midr).CreateReady(TestVm.Sve);
        Assert.Contains(Refusals(host.Finalized(), destination), r => r.Contains("MIDR_EL1", StringComparison.Ordinal));
    }

    private static KvmVcpu Ready(CaseHost host, string cpus, ulong set)
    {
        var vcpu = host.Unfinalized(cpus);
        if (!host.Abi.NeedsFinalize)
            return vcpu;
        vcpu.Write(Vls, set);
        Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
        return vcpu;
    }

    private static void Restore(KvmVcpu source, KvmVcpu destination)
    {
        var writer = new StateWriter();
        source.Save(writer);
        var reader = new StateReader(destination.SectionName, writer.Written.ToArray());
        var apply = destination.PrepareRestore(reader);
        reader.ExpectEnd();
        apply();
    }

    private static IReadOnlyList<string> Refusals(KvmVcpu source, KvmVcpu destination)
    {
        var refusal = Assert.Throws<StateFormatException>(() => Restore(source, destination));
        Assert.True(refusal.Incompatible);
        return refusal.Reasons;
    }
}
