using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Encodings;

/// <summary>Which mnemonics the engine has.</summary>
internal static class MnemonicCoverage
{
    /// <summary>True when the engine executes the mnemonic's word, through a row of that name.</summary>
    public static bool IsCovered(KnownMnemonic one, AllocationProber prober) =>
        prober.IsAllocated(one.Word) && RowMnemonics.Agree(Opcodes.Info[(int)Decoder.Decode(one.Word)], one.Mnemonic);
}
