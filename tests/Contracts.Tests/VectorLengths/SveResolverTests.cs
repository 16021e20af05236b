using System.Collections.Immutable;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.Tests.VectorLengths;

public sealed class SveResolverTests
{
    private static readonly ImmutableArray<int> PowersOfTwo = [128, 256, 512, 1024, 2048];

    [Fact]
    public void Nothing_said_gives_the_whole_set_to_every_vcpu()
    {
        var resolution = SveResolver.Resolve(new CpuSpec { Count = 3 }, PowersOfTwo);

        Assert.Empty(resolution.Reasons);
        Assert.Equal(3, resolution.PerVcpu.Length);
        Assert.All(resolution.PerVcpu, set => Assert.Equal(PowersOfTwo, set));
    }

    [Fact]
    public void Nothing_said_on_a_host_without_sve_gives_vcpus_without_sve()
    {
        var resolution = SveResolver.Resolve(new CpuSpec { HostProfile = "neoverse-n1" }, []);

        Assert.Empty(resolution.Reasons);
        Assert.Empty(resolution.First);
    }

    [Fact]
    public void A_maximum_cuts_the_set_off()
    {
        var resolution = Resolve(new SveSpec { Enabled = true, MaxVectorLengthBits = 512 });

        Assert.Empty(resolution.Reasons);
        Assert.Equal([128, 256, 512], resolution.First);
    }

    [Fact]
    public void An_illegal_set_is_refused_with_the_legal_ones()
    {
        var resolution = Resolve(new SveSpec { VectorLengthsBits = [128, 512, 100] });

        Assert.Equal(["/cpu/sve/vectorLengthsBits/2", "/cpu/sve/vectorLengthsBits"], resolution.Reasons.Select(r => r.Pointer));
        Assert.Contains("{128}, {128, 256}, {128, 256, 512}", resolution.Reasons[1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_maximum_that_no_cpu_has_is_refused_with_the_legal_ones()
    {
        var reason = Assert.Single(Resolve(new SveSpec { MaxVectorLengthBits = 384 }).Reasons);

        Assert.Equal("illegalVectorLengths", reason.Code);
        Assert.Contains("128, 256, 512, 1024, 2048", reason.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sve_on_a_host_without_it_is_refused()
    {
        var spec = new CpuSpec { HostProfile = "neoverse-n1", Sve = new SveSpec { Enabled = true, MaxVectorLengthBits = 128 } };

        Assert.Equal("sveUnavailable", Assert.Single(SveResolver.Resolve(spec, []).Reasons).Code);
    }

    [Theory]
    [InlineData(AbiProfiles.Linux612, false)]
    [InlineData(AbiProfiles.Linux61, true)]
    [InlineData(AbiProfiles.Rfc2018, true)]
    public void Mixing_vcpus_with_and_without_sve_depends_on_the_abi_profile(string profile, bool allowed)
    {
        var spec = new CpuSpec
        {
            Count = 2,
            AbiProfile = profile,
            Sve = new SveSpec { PerCpu = [new VcpuSveOverride { Cpu = 1, Enabled = false }] },
        };

        var resolution = SveResolver.Resolve(spec, PowersOfTwo);

        Assert.Equal(allowed, resolution.Reasons.IsEmpty);
        Assert.Empty(resolution.PerVcpu[1]);
    }

    [Fact]
    public void Overrides_give_single_vcpus_their_own_set()
    {
        var spec = new CpuSpec
        {
            Count = 2,
            Sve = new SveSpec { PerCpu = [new VcpuSveOverride { Cpu = 1, VectorLengthsBits = [128, 256] }] },
        };

        var resolution = SveResolver.Resolve(spec, PowersOfTwo);

        Assert.Empty(resolution.Reasons);
        Assert.Equal(PowersOfTwo, resolution.PerVcpu[0]);
        Assert.Equal([128, 256], resolution.PerVcpu[1]);
    }

    [Fact]
    public void Every_reason_is_given_at_once()
    {
        var spec = new CpuSpec
        {
            Count = 2,
            Sve = new SveSpec
            {
                VectorLengthsBits = [384],
                MaxVectorLengthBits = 384,
                PerCpu =
                [
                    new VcpuSveOverride { Cpu = 7 },
                    new VcpuSveOverride { Cpu = 0, MaxVectorLengthBits = 192 },
                    new VcpuSveOverride { Cpu = 0, Enabled = false },
                ],
            },
        };

        var codes = SveResolver.Resolve(spec, PowersOfTwo).Reasons.Select(r => (r.Pointer, r.Code));

        Assert.Equal(
            [
                ("/cpu/sve", "exclusive"),
                ("/cpu/sve/vectorLengthsBits", "illegalVectorLengths"),
                ("/cpu/sve/perCpu/0/cpu", "outOfRange"),
                ("/cpu/sve/perCpu/1/maxVectorLengthBits", "illegalVectorLengths"),
                ("/cpu/sve/perCpu/2/cpu", "duplicate"),
                ("/cpu/sve/perCpu/2", "mixedSve"),
            ],
            codes);
    }

    [Fact]
    public void The_2018_series_has_no_register_to_choose_a_set_with()
    {
        var spec = new CpuSpec { AbiProfile = AbiProfiles.Rfc2018, Sve = new SveSpec { MaxVectorLengthBits = 512 } };

        Assert.Equal("noVectorLengthRegister", Assert.Single(SveResolver.Resolve(spec, PowersOfTwo).Reasons).Code);
    }

    private static SveResolution Resolve(SveSpec sve) => SveResolver.Resolve(new CpuSpec { Sve = sve }, PowersOfTwo);
}
