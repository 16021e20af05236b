using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Register ids of ONE_REG (include/uapi/asm-arm64/kvm.h): architecture, size, group, index.</summary>
public static class RegisterId
{
    public const ulong Arm64 = 0x6000_0000_0000_0000;
    public const ulong SizeMask = 0x00f0_0000_0000_0000;
    public const ulong GroupMask = 0x0fff_0000;

    public const ulong U32 = 0x0020_0000_0000_0000;
    public const ulong U64 = 0x0030_0000_0000_0000;
    public const ulong U128 = 0x0040_0000_0000_0000;
    public const ulong U256 = 0x0050_0000_0000_0000;
    public const ulong U512 = 0x0060_0000_0000_0000;
    public const ulong U2048 = 0x0080_0000_0000_0000;

    public const ulong Core = 0x0010_0000;
    public const ulong Demux = 0x0011_0000;
    public const ulong SysReg = 0x0013_0000;
    public const ulong Firmware = 0x0014_0000;
    public const ulong Sve = 0x0015_0000;
    public const ulong FirmwareBitmap = 0x0016_0000;

    /// <summary>KVM_REG_ARM64_SVE_VLS: the vector lengths of a vCPU.</summary>
    public const ulong SveVls = Arm64 | U512 | Sve | 0xffff;

    /// <summary>KVM_REG_ARM_VENDOR_HYP_BMAP: which of KVM's own services guests get.</summary>
    public const ulong VendorHypervisorServices = Arm64 | U64 | FirmwareBitmap | 2;

    /// <summary>First P register within the SVE group; the FFR counts as P16.</summary>
    public const int SvePBase = 0x400;

    /// <summary>One past the last index of the SVE group's P range.</summary>
    public const int SveEnd = 0x620;

    // Word offsets within struct kvm_regs.
    public const int CoreSp = 0x3e;
    public const int CorePc = 0x40;
    public const int CorePstate = 0x42;
    public const int CoreSpEl1 = 0x44;
    public const int CoreElrEl1 = 0x46;
    public const int CoreSpsr = 0x48;
    public const int CoreV = 0x54;
    public const int CoreFpsr = 0xd4;
    public const int CoreFpcr = 0xd5;

    /// <summary>Words of struct kvm_regs.</summary>
    public const int CoreWords = 0xd8;

    /// <summary>Size in bytes that an id encodes.</summary>
    public static int SizeOf(ulong id) => 1 << (int)((id & SizeMask) >> 52);

    /// <summary>Whether an id is a Z, P or FFR register, whose size is that of the longest vector whatever the vCPU's.</summary>
    public static bool IsSve(ulong id) => (id & GroupMask) == Sve && id != SveVls;

    public static ulong CoreRegister(int word, ulong size) => Arm64 | size | Core | (uint)word;

    public static ulong SystemRegister(SystemRegister register) => Arm64 | U64 | SysReg | (ushort)register;

    public static ulong SveZ(int n) => Arm64 | U2048 | Sve | (uint)(n << 5);

    public static ulong SveP(int n) => Arm64 | U256 | Sve | (uint)(SvePBase + (n << 5));
}
