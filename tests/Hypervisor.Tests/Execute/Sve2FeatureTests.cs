using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>SVE2 and each of its extensions is UNDEFINED on a CPU without it.</summary>
public sealed unsafe class Sve2FeatureTests
{
    [Theory]
    [InlineData(Feature.SVE2, 0x45420020u)] // saddlb z0.h, z1.b, z2.b
    [InlineData(Feature.SVE2, 0x44188020u)] // sqadd z0.b, p0/m, z0.b, z1.b
    [InlineData(Feature.SVE_AES, 0x4522e020u)] // aese z0.b, z0.b, z1.b
    [InlineData(Feature.SVE_PMULL128, 0x45026820u)] // pmullb z0.q, z1.d, z2.d
    [InlineData(Feature.SVE_BITPERM, 0x4502b020u)] // bext z0.b, z1.b, z2.b
    [InlineData(Feature.SVE_SHA3, 0x4522f420u)] // rax1 z0.d, z1.d, z2.d
    [InlineData(Feature.SVE_SM4, 0x4523e020u)] // sm4e z0.s, z0.s, z1.s
    public void Instruction_needs_its_feature(Feature feature, uint word)
    {
        using var guest = new GuestProgram(word, GuestProgram.Hvc0);
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0UL, guest.Cpu->EsrEl1);

        using var without = new GuestProgram(CpuFeatures.All.Without(feature), word);
        without.StopAtVectors();
        without.Run();
        Assert.Equal(0x0200_0000UL, without.Cpu->EsrEl1);
    }
}
