using System.Globalization;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Host;

/// <summary>The bound that KVM puts on guests' vector lengths, against what running kernels committed.</summary>
public sealed class VectorLengthMapTests
{
    /// <summary>CPU sets, the kernel's bound in bytes, the guest set, the guest set under the strict policy (nothing: no SVE).</summary>
    public static TheoryData<string, int, string, string> Measured => new()
    {
        { "1,2,4/1,2,4", 64, "1,2,4", "1,2,4" },
        { "1,2,4/1,2,4,8", 64, "1,2,4", "1,2,4" },
        { "1,2,4/1,2,4,6,8", 64, "1,2,4", "1,2,4" },
        { "1/1,2,4", 16, "1", "1" },
        { "1,2/1,2,3,4", 32, "1,2", "1,2" },
        { "1,2,4,8/1,2,4/1,2,4,8,16", 64, "1,2,4", "1,2,4" },
        { "1,2,4,8/1,2,3,4,8", 32, "1,2", "" },
        { "1,2,4,8/1,2,4,5,8", 64, "1,2,4", "" },
        { "1,2,4,8/1,2,4,6,8", 80, "1,2,4", "" },
        { "1,2,4,7,8/1,2,4,6,8", 80, "1,2,4", "" },
        { "1,2,4,8,16/1,2,4,8,12,16", 176, "1,2,4,8", "" },
        { "1,2,3,4/1,2,4,8", 32, "1,2", "" },
        { "1,2,4/1,2,4,8/1,2,3,4", 32, "1,2", "" },
        { "1,2,4,8/1,2,3,4,5,6,7,8", 32, "1,2", "" },
        { "1,2,4/1,2,4,8/1,2,4,6,8", 64, "1,2,4", "1,2,4" },
    };

    [Theory]
    [MemberData(nameof(Measured))]
    public void BoundAndGuestSetAreTheKernels(string cpus, int boundBytes, string guest, string strict)
    {
        var map = Committed(cpus);
        var expected = Set(guest);

        Assert.Equal(boundBytes, map.ArithmeticBoundVq * 16);
        Assert.Equal(expected, map.Virtualisable);
        Assert.Equal(expected.Max, map.BoundVq);
        Assert.Equal(Set(strict), Committed(cpus, VectorLengthPolicy.StrictPrefix).Virtualisable);
    }

    [Theory]
    [InlineData("1,2,4", "1,2,4,8", true)]
    [InlineData("1,2,4", "1,2,3,4", false)]
    [InlineData("1,2,4,8", "1,2,4", false)]
    [InlineData("1,2,4,8", "1,2,4,6,8", false)]
    [InlineData("1,2,4,8/1,2,4,6,8", "1,2,4,6,8", true)]
    [InlineData("1,2,4,8/1,2,4,6,8", "1,2,4,7,8", true)]
    [InlineData("1,2,4,8/1,2,4,6,8", "1,2,4,5,8", false)]
    [InlineData("1,2,4,8/1,2,3,4,8", "1,2,4", false)]
    public void LateCpusAreAcceptedAsByTheKernel(string committed, string late, bool accepted) =>
        Assert.Equal(accepted, Committed(committed).RejectLateCpu(Set(late)) is null);

    [Fact]
    public void AHostWithOneCpuWithoutSveHasNone()
    {
        var map = Committed("1,2,4");
        map.AddEarlyCpu(VqSet.Empty);

        Assert.True(map.Virtualisable.IsEmpty);
        Assert.Equal(0, map.BoundVq);
    }

    [Theory]
    [MemberData(nameof(Measured))]
    public void AHostBootsWithWhatProbingFinds(string cpus, int boundBytes, string guest, string strict)
    {
        var sets = cpus.Split('/').Select(Set).ToArray();
        var profile = new HostProfile("test", [.. sets.Select(s => new HostCpuProfile(s, 0))]);
        using var host = new EmulatedHost(profile);
        using var strictHost = new EmulatedHost(profile with { VectorLengthPolicy = VectorLengthPolicy.StrictPrefix });

        Assert.Equal(sets, host.Cpus.Select(c => c.ProbedLengths));
        Assert.Equal(boundBytes, host.VectorLengths.ArithmeticBoundVq * 16);
        Assert.Equal(Set(guest), host.VectorLengths.Virtualisable);
        Assert.Equal((strict.Length > 0, true), (strictHost.HasSve, strictHost.CpusHaveSve));
        Assert.Contains($"guests {VectorLengthMap.Of(profile).Virtualisable}", host.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Any set is found again, also one that no architecture allows, and probing leaves no trace.</summary>
    [Fact]
    public unsafe void ProbingFindsAnySetAndLeavesNoTrace()
    {
        for (uint bits = 0; bits <= 0xffff; bits += 37)
        {
            var set = new VqSet(bits | (bits == 0 ? 0u : 1u));
            using var host = new EmulatedHost(new HostProfile("test", [new HostCpuProfile(set, 0)]));
            var cpu = host.Cpus[0];
            cpu.State->ZcrEl1 = 5;
            cpu.State->MaxVq = 3;

            Assert.Equal(set, cpu.ProbeVectorLengths());
            Assert.Equal((5ul, 3u), (cpu.State->ZcrEl1, cpu.State->MaxVq));
        }
    }

    /// <summary>Where policy leaves no length, KVM has no SVE; the CPUs' instructions are there all the same.</summary>
    [Fact]
    public void TheStrictPolicySwitchesSveOffInKvm()
    {
        var profile = new HostProfile("test", [new HostCpuProfile(VqSet.Of(1, 2, 4, 8), 0), new HostCpuProfile(VqSet.Of(1, 2, 3, 4, 8), 0)]);
        using var host = new EmulatedHost(profile with { VectorLengthPolicy = VectorLengthPolicy.StrictPrefix });
        using var memory = new GuestMemory(0x4000_0000, 1 << 20);
        var system = new KvmSystem(host, AbiProfile.Linux612, EngineFeatures.Implemented);
        using var vm = system.CreateVm(memory, 1, TimeProvider.System);
        vm.CreateVcpu(0, out var vcpu);

        Assert.Equal(0, system.CheckExtension(170));
        Assert.Equal(Errno.EINVAL, vcpu!.Init(KvmSystem.GenericTarget, 0x10));
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, 0));
        Assert.True(vm.Features.Has(Feature.SVE));
    }

    [Fact]
    public void AParkedLateCpuDoesNotJoin()
    {
        using var host = new EmulatedHost(new HostProfile("test", [new HostCpuProfile(VqSet.Of(1, 2, 4), 0)]));

        Assert.Contains("lacks the committed vector lengths 512", host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2), 0)), StringComparison.Ordinal);
        Assert.Contains("has the vector lengths 384 within", host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2, 3, 4), 0)), StringComparison.Ordinal);
        Assert.Single(host.Cpus);
        Assert.Null(host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2, 4, 8), 0)));
        Assert.Equal(2, host.Cpus.Count);
        Assert.Equal(VqSet.Of(1, 2, 4), host.VectorLengths.Virtualisable);
        while (host.Cpus.Count < HostProfile.MaxCpus)
            Assert.Null(host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2, 4), 0)));
        Assert.NotNull(host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2, 4), 0)));
    }

    private static VectorLengthMap Committed(string cpus, VectorLengthPolicy policy = VectorLengthPolicy.Upstream)
    {
        var map = new VectorLengthMap(policy);
        foreach (var cpu in cpus.Split('/'))
            map.AddEarlyCpu(Set(cpu));
        return map;
    }

    private static VqSet Set(string text) =>
        VqSet.Of([.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(vq => int.Parse(vq, CultureInfo.InvariantCulture))]);
}
