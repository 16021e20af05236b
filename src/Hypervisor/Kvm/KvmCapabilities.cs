using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Answers of KVM_CHECK_EXTENSION, which are the same for the system and for a VM.</summary>
internal static class KvmCapabilities
{
    public const int NisvToUser = 177;
    public const int MemoryTagging = 205;

    private const int UserMemory = 3;
    private const int NrVcpus = 9;
    private const int NrMemslots = 10;
    private const int MpState = 14;
    private const int VcpuEvents = 41;
    private const int MaxVcpus = 66;
    private const int OneReg = 70;
    private const int ReadOnlyMemory = 81;
    private const int ArmPsci = 87;
    private const int ArmEl1Is32Bit = 93;
    private const int ArmPsci02 = 102;
    private const int ArmPmuV3 = 126;
    private const int MaxVcpuId = 128;
    private const int ImmediateExit = 136;
    private const int ArmInjectSErrorEsr = 158;
    private const int ArmVmIpaSize = 165;
    private const int ArmSve = 170;
    private const int ArmPtrauthAddress = 171;
    private const int ArmPtrauthGeneric = 172;
    private const int ArmInjectExternalDataAbort = 178;
    private const int ArmCounterOffset = 227;
    private const int ArmSupportedRegisterMaskRanges = 230;

    /// <summary>Bits of an intermediate physical address.</summary>
    private const int IpaBits = 40;

    /// <summary>The value of a capability; 0 for what is absent or unknown.</summary>
    public static int Check(EmulatedHost host, AbiProfile abi, CpuFeatures features, int capability) => capability switch
    {
        UserMemory or ReadOnlyMemory or OneReg or ArmPsci or ArmPsci02 or MpState or VcpuEvents or ImmediateExit => 1,
        NrVcpus => Math.Min(host.Cpus.Count, KvmVm.MaxVcpuIds),
        NrMemslots => MemorySlots.Count,
        MaxVcpus or MaxVcpuId => KvmVm.MaxVcpuIds,
        ArmEl1Is32Bit => Flag(host.Profile.Facts.AArch32El1),
        ArmPmuV3 => Flag(host.Profile.Facts.Pmu),
        ArmInjectSErrorEsr => Flag(host.Profile.Facts.Ras),
        ArmSve => Flag(host.HasSve),
        ArmPtrauthAddress or ArmPtrauthGeneric => Flag(HasPtrauth(host, abi, features)),
        ArmVmIpaSize when abi.HasIpaSize => IpaBits,
        NisvToUser or ArmInjectExternalDataAbort => Flag(abi.HasNisvExit),
        MemoryTagging => Flag(abi.HasMemoryTagging && host.Profile.Facts.Mte),
        ArmCounterOffset => Flag(abi.HasCounterOffset),
        ArmSupportedRegisterMaskRanges => Flag(abi.IdRegistersAreWritable),
        _ => 0,
    };

    /// <summary>system_has_full_ptr_auth.</summary>
    public static bool HasPtrauth(EmulatedHost host, AbiProfile abi, CpuFeatures features) =>
        host.Profile.Facts.PointerAuthentication && features.Has(Feature.PAUTH)
        && (abi.KnownFeatures & (uint)KvmVcpuFeatures.PtrauthAddress) != 0;

    private static int Flag(bool value) => value ? 1 : 0;
}
