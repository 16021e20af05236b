using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>Restoring a saved vCPU through this interface.</summary>
internal static partial class KvmCases
{
    private static void AddMigration(Adder add)
    {
        // What is QEMU's post_load there is our restore here: nothing is taken over, and the reason names the register.
        add("MIG-02", "cpu post_load fails (-1)", h =>
        {
            var source = h.Initialized(0x60);
            var writer = new StateWriter();
            source.Save(writer);
            var destination = h.Initialized(0);
            var refusal = Assert.Throws<StateFormatException>(
                () => destination.PrepareRestore(new StateReader("vcpu/0", writer.Written.ToArray())));
            Assert.True(refusal.Incompatible);
            Assert.Contains(refusal.Reasons, reason => reason.Contains("603000000013c108", StringComparison.Ordinal));
        });
        add("MIG-04", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Unfinalized("1,2").Set(Vls, 0xb)));
        add("MIG-05", "EPERM (restore VLS between INIT and FINALIZE)", h => Assert.Equal(Errno.EPERM, h.Finalized().Set(Vls, 0x3)));
    }
}
