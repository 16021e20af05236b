using CloudVm.Web.Components.Shared;

namespace CloudVm.Web.Tests;

public sealed class TextTests
{
    [Theory]
    [InlineData("savingMemory", "Saving memory")]
    [InlineData("HypervisorKilled", "Hypervisor killed")]
    [InlineData("mmioAccesses", "MMIO accesses")]
    [InlineData("exits.DataAbort", "Exits: data abort")]
    [InlineData("exits.Wfi", "Exits: WFI")]
    [InlineData("undefined.d5380000", "Undefined: d5380000")]
    [InlineData("", "")]
    public void A_name_is_written_as_words(string name, string words) => Assert.Equal(words, Text.Words(name));
}
