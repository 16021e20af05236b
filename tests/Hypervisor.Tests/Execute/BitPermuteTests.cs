using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>BEXT and BDEP without the host's instructions, which the engine uses where it has them.</summary>
public sealed class BitPermuteTests
{
    [Theory]
    [InlineData(0xabcd_ef01_2345_6789ul, 0xffff_0000_0000_00f0ul, 0xabcd8ul)]
    [InlineData(0x8000_0000_0000_0001ul, 0x8000_0000_0000_0001ul, 3ul)]
    [InlineData(0x5555_5555_5555_5555ul, 0xaaaa_aaaa_aaaa_aaaaul, 0ul)]
    [InlineData(ulong.MaxValue, 0ul, 0ul)]
    [InlineData(0x0123_4567_89ab_cdeful, ulong.MaxValue, 0x0123_4567_89ab_cdeful)]
    public void Extract_packs_the_selected_bits(ulong value, ulong mask, ulong packed)
    {
        Assert.Equal(packed, BitPermute.ExtractPortable(value, mask));
        Assert.Equal(value & mask, BitPermute.DepositPortable(packed, mask));
    }

    [Fact]
    public void Host_and_portable_forms_agree()
    {
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            var value = (ulong)random.NextInt64() << 1 ^ (ulong)random.NextInt64();
            var mask = (ulong)random.NextInt64() << 1 ^ (ulong)random.NextInt64();
            Assert.Equal(BitPermute.ExtractPortable(value, mask), BitPermute.Extract(value, mask));
            Assert.Equal(BitPermute.DepositPortable(value, mask), BitPermute.Deposit(value, mask));
        }
    }
}
