using CloudVm.Web.Components.Pages.Vms;

namespace CloudVm.Web.Tests;

public sealed class PStateFormatTests
{
    [Fact]
    public void PSTATE_is_taken_apart()
    {
        const string Value = "0x00000000600003c5";

        Assert.Equal("EL1h", PStateFormat.ModeOf(Value));
        Assert.Equal(["Z", "C", "D", "A", "I", "F"], PStateFormat.FlagsOf(Value).Where(f => f.Set).Select(f => f.Name));
    }
}
