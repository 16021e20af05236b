using CloudVm.Hypervisor.Conformance.Tests.Encodings;
using CloudVm.Hypervisor.Conformance.Tests.Engine;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests;

/// <summary>The rows against the list of objdump's mnemonics, so that none is forgotten or merged away.</summary>
public sealed class MnemonicTests
{
    private static readonly Lazy<IReadOnlyList<KnownMnemonic>> Inventory = new(Load);

    [Fact]
    public void Every_mnemonic_of_an_advertised_feature_has_a_row()
    {
        using var prober = new AllocationProber();
        var missing = Inventory.Value.Where(one => BinutilsFeatures.IsAdvertised(one.Feature) && !MnemonicCoverage.IsCovered(one, prober)
            && AllocationRules.ExplainLacking(one.Word, one.Feature) is null).ToArray();
        Assert.True(missing.Length == 0, string.Join('\n', missing.Select(one => $"{one.Mnemonic} ({one.Feature}), such as {one.Word:x8}, has no row.")));
    }

    [Fact]
    public void Every_row_has_a_mnemonic_that_objdump_knows()
    {
        var known = Inventory.Value.Select(one => one.Mnemonic).ToHashSet(StringComparer.Ordinal);
        var strange = Opcodes.Info.Skip(1).Where(row => row.Group != "BaseSystem" && !AllocationRules.IsSystemSpace(row.Value) && !known.Any(mnemonic => RowMnemonics.Agree(row, mnemonic)));
        Assert.Empty(strange.Select(row => row.Name));
    }

    private static IReadOnlyList<KnownMnemonic> Load()
    {
        if (Environment.GetEnvironmentVariable("CLOUDVM_RECORD_MNEMONICS") == "1")
            MnemonicInventory.Record();
        return MnemonicInventory.Read();
    }
}
