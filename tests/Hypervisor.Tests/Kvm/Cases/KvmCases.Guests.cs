using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>What guests see, and what RUN returns for it.</summary>
internal static partial class KvmCases
{
    /// <summary>CPACR_EL1 with FPEN and ZEN open, with ZEN closed.</summary>
    private const ulong EnableAll = 0x330000;

    private const ulong EnableFp = 0x300000;

    private const uint Rdvl = 0x04bf5020; // rdvl x0, #1
    private const uint FmovD0One = 0x1e6e1000; // fmov d0, #1.0
    private const uint FillZ0 = 0x2538dfe0; // dup z0.b, #-1
    private const uint FillZ1 = 0x2538dfe1; // dup z1.b, #-1
    private const uint DupZ1 = 0x2538c221; // dup z1.b, #0x11
    private const uint MovZ5Z0 = 0x04603005; // mov z5.d, z0.d
    private const uint StoreZ0 = 0xe58042c0; // str z0, [x22]
    private const uint ZcrRegister = 0xc090;

    private static byte[] DoubleOne => [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];

    private static void AddGuests(Adder add)
    {
        add("GUEST-04", "UNDEF ESR 0x02000000",
            h => Assert.Equal(0x02000000ul, new CaseGuest(h, h.WithoutSve(), EnableAll).RunToException(CaseGuest.Mrs(0, ZcrRegister))));
        add("GUEST-05", "0; 0 (no exception)", h =>
        {
            var guest = new CaseGuest(h, h.WithoutSve(), EnableAll);
            Assert.Equal(0ul, guest.Run(CaseGuest.Mrs(0, 0xc024)));
            Assert.Equal(0ul, guest.Run(CaseGuest.Mrs(0, 0xc025)));
        });
        add("GUEST-06", "ESR_EL1=0x66000000 (EC 0x19)", h => Assert.Equal(0x66000000ul, new CaseGuest(h, h.Finalized(), EnableFp).RunToException(Rdvl)));
        add("GUEST-07", "ESR_EL1=0x66000000 (ZEN trap has priority)", h => Assert.Equal(0x66000000ul, new CaseGuest(h, h.Finalized(), 0).RunToException(Rdvl)));
        add("GUEST-09", "ESR_EL1=0x1fe00000 (EC 0x07)", h => Assert.Equal(0x1fe00000ul, new CaseGuest(h, h.WithoutSve(), 0).RunToException(FmovD0One)));
        add("GUEST-10", "no exception; V0 bytes 000000000000f03f + 8 zero bytes", h =>
        {
            var guest = new CaseGuest(h, h.WithoutSve(), EnableFp);
            guest.Run(FmovD0One);
            Assert.Equal([.. DoubleOne, .. new byte[8]], guest.Vcpu.Read(V0));
        });
        add("GUEST-11", "16", h => Assert.Equal(16ul, new CaseGuest(h, h.Finalized(), EnableAll).Run(Rdvl)));
        add("GUEST-13", "16,32,32,64,64,64,64,128 then 128",
            h => ExpectLengthsByZcr(h, h.Finalized("1,2,4,8"), 16, 32, 32, 64, 64, 64, 64, 128, 128, 128, 128, 128, 128, 128, 128, 128));
        add("GUEST-14", "16 (LEN is 4 bits)", h => Assert.Equal(16ul, LengthFor(new CaseGuest(h, h.Finalized(), EnableAll), 0x10)));
        add("GUEST-15", "0xf", h =>
        {
            var guest = new CaseGuest(h, h.Finalized(), EnableAll);
            guest.Vcpu.Write(X0 + 2, 0x1ff);
            Assert.Equal(0xful, guest.Run(CaseGuest.Msr(ZcrRegister, 1), CaseGuest.Mrs(0, ZcrRegister)));
        });
        add("GUEST-16", "16 for all", h => ExpectLengthsByZcr(h, FinalizedAt(h, 1), [.. Enumerable.Repeat(16ul, 16)]));
        add("GUEST-17", "16 then 32 for LEN 1..15", h => ExpectLengthsByZcr(h, FinalizedAt(h, 3), [16, .. Enumerable.Repeat(32ul, 15)]));
        add("GUEST-18", "8 bytes of 1.0 then 248 zero bytes", h =>
        {
            var guest = new CaseGuest(h, h.Finalized(), EnableAll);
            guest.Vcpu.Write(Zcr, 0xf);
            guest.Run(FillZ0);
            Assert.Equal([.. Enumerable.Repeat((byte)0xff, 64), .. new byte[192]], guest.Vcpu.Read(Z0));
            guest.Run(FmovD0One);
            Assert.Equal([.. DoubleOne, .. new byte[248]], guest.Vcpu.Read(Z0));
        });
        add("GUEST-22", "first 64 bytes equal", h =>
        {
            var guest = new CaseGuest(h, h.Finalized(), EnableAll);
            Assert.Equal(Errno.Ok, guest.Vcpu.SetOneReg(Z0, Counting(256)));
            guest.Vcpu.Write(Zcr, 0xf);
            guest.Run(MovZ5Z0);
            Assert.Equal([.. Counting(64), .. new byte[192]], guest.Vcpu.Read(Z0 + (5 << 5)));
        });
        add("GUEST-24", "16 bytes 0x11 then zeros (writes at a smaller VL clear the rest of Z)", h =>
        {
            var guest = new CaseGuest(h, h.Finalized(), EnableAll);
            guest.Vcpu.Write(X0 + 2, 15);
            guest.Run(CaseGuest.Msr(ZcrRegister, 1), FillZ1, CaseGuest.Msr(ZcrRegister, 31), DupZ1, CaseGuest.Msr(ZcrRegister, 1));
            Assert.Equal([.. Enumerable.Repeat((byte)0x11, 16), .. new byte[240]], guest.Vcpu.Read(Z0 + (1 << 5)));
        });
        add("GUEST-26", "KVM_RUN 0, exit_reason=28 (KVM_EXIT_ARM_NISV)", h =>
        {
            var vcpu = h.Finalized();
            var guest = new CaseGuest(h, vcpu, EnableAll);
            guest.Vcpu.Write(X0 + 44, 0x0b00_0040);
            guest.Start(StoreZ0);
            Assert.Equal(Errno.ENOSYS, vcpu.Run());
            Assert.Equal(Errno.Ok, h.VmOf(vcpu).Vm.EnableCap(new KvmEnableCap(177)));
            guest.Start(StoreZ0);
            Assert.Equal(Errno.Ok, vcpu.Run());
            Assert.Equal(28, (int)vcpu.RunState.ExitReason);
            Assert.Equal(0x0b00_0000ul, vcpu.RunState.NisvFaultIpa);
        });
        add("GUEST-29", "8 bytes of 1.0 then zeros (plain FP use on an SVE vcpu loads the whole SVE state)", h =>
        {
            var guest = new CaseGuest(h, h.Finalized(), EnableFp);
            Assert.Equal(Errno.Ok, guest.Vcpu.SetOneReg(Z0, Enumerable.Repeat((byte)0xff, 256).ToArray()));
            guest.Run(FmovD0One);
            Assert.Equal([.. DoubleOne, .. new byte[248]], guest.Vcpu.Read(Z0));
        });
    }

    /// <summary>A vCPU that has run: a few instructions, so that ID registers are final.</summary>
    private static void RunOnce(CaseHost h, KvmVcpu vcpu) => new CaseGuest(h, vcpu, EnableAll).Run(0xd503201f);

    private static KvmVcpu FinalizedAt(CaseHost h, ulong set)
    {
        var vcpu = h.Unfinalized();
        vcpu.Write(Vls, set);
        Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
        return vcpu;
    }

    private static void ExpectLengthsByZcr(CaseHost h, KvmVcpu vcpu, params ReadOnlySpan<ulong> lengths)
    {
        var guest = new CaseGuest(h, vcpu, EnableAll);
        for (var len = 0; len < 16; len++)
            Assert.Equal(lengths[len], LengthFor(guest, (ulong)len));
    }

    private static ulong LengthFor(CaseGuest guest, ulong zcr)
    {
        guest.Vcpu.Write(X0 + 2, zcr);
        return guest.Run(CaseGuest.Msr(ZcrRegister, 1), Rdvl);
    }
}
