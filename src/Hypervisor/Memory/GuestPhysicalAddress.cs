using System.Globalization;

namespace CloudVm.Hypervisor.Memory;

/// <summary>An address in the guest's physical address space (Arm's IPA).</summary>
public readonly record struct GuestPhysicalAddress(ulong Value)
{
    public override string ToString() => "0x" + Value.ToString("x", CultureInfo.InvariantCulture);
}
