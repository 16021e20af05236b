using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>The portable AES steps against FIPS 197 and against the host's instructions, which the engine uses where it has them.</summary>
public sealed class AesRoundsTests
{
    // FIPS 197, appendix B: the state before round 1 (input already combined with the key) and after each of its steps.
    private static readonly Vector128<byte> StartOfRound = State("193de3bea0f4e22b9ac68d2ae9f84808");
    private static readonly Vector128<byte> AfterShiftRows = State("d4bf5d30e0b452aeb84111f11e2798e5");
    private static readonly Vector128<byte> AfterMixColumns = State("046681e5e0cb199a48f8d37a2806264c");

    [Fact]
    public void Portable_steps_are_those_of_the_standard()
    {
        Assert.Equal(AfterShiftRows, AesRounds.EncryptPortable(StartOfRound, Vector128<byte>.Zero));
        Assert.Equal(StartOfRound, AesRounds.DecryptPortable(AfterShiftRows, Vector128<byte>.Zero));
        Assert.Equal(AfterMixColumns, AesRounds.MixColumnsPortable(AfterShiftRows));
        Assert.Equal(AfterShiftRows, AesRounds.InverseMixColumnsPortable(AfterMixColumns));
    }

    [Fact]
    public void Host_and_portable_steps_agree()
    {
        var random = new Random(7);
        var bytes = new byte[32];
        for (var i = 0; i < 500; i++)
        {
            random.NextBytes(bytes);
            var state = Vector128.Create(bytes, 0);
            var key = Vector128.Create(bytes, 16);
            Assert.Equal(AesRounds.EncryptPortable(state, key), AesRounds.Encrypt(state, key));
            Assert.Equal(AesRounds.DecryptPortable(state, key), AesRounds.Decrypt(state, key));
            Assert.Equal(AesRounds.MixColumnsPortable(state), AesRounds.MixColumns(state));
            Assert.Equal(AesRounds.InverseMixColumnsPortable(state), AesRounds.InverseMixColumns(state));
        }
    }

    private static Vector128<byte> State(string hex) => Vector128.Create(Convert.FromHexString(hex));
}
