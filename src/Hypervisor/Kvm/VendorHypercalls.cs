using System.Buffers.Binary;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM's own services to guests: its UID, the list of its functions, and a pairing of wall-clock time with the counter.</summary>
/// <remarks>Thread: any.</remarks>
internal sealed class VendorHypercalls(FirmwareServices services, VirtualClock clock, TimeProvider time)
{
    private const uint CallUid = 0x8600_ff01;
    private const uint Features = 0x8600_0000;
    private const uint Ptp = 0x8600_0001;

    private const ulong VirtualCounter = 0;
    private const ulong PhysicalCounter = 1;

    public static bool IsFunction(uint function) => function is CallUid or Features or Ptp;

    public FirmwareAnswer Call(FirmwareCall call) => (uint)call.Function switch
    {
        CallUid when services.HasVendorFeatures => Uid(),
        Features when services.HasVendorFeatures => new(services.VendorFunctions),
        Ptp when services.HasVendorPtp => PairClocks((uint)call.Argument1),
        _ => FirmwareAnswer.NotSupported,
    };

    /// <summary>28b46fb6-2ec5-11e9-a9ca-4b564d003a74 in four registers, as guests know KVM by it.</summary>
    private static FirmwareAnswer Uid()
    {
        ReadOnlySpan<byte> uid = [0x28, 0xb4, 0x6f, 0xb6, 0x2e, 0xc5, 0x11, 0xe9, 0xa9, 0xca, 0x4b, 0x56, 0x4d, 0x00, 0x3a, 0x74];
        return new(
            BinaryPrimitives.ReadUInt32LittleEndian(uid),
            Result1: BinaryPrimitives.ReadUInt32LittleEndian(uid[4..]),
            Result2: BinaryPrimitives.ReadUInt32LittleEndian(uid[8..]),
            Result3: BinaryPrimitives.ReadUInt32LittleEndian(uid[12..]));
    }

    /// <summary>Nanoseconds since 1970 in two registers of 32 bits, upper half first, and the counter likewise.</summary>
    private FirmwareAnswer PairClocks(uint counter)
    {
        // Both counters are offset alike here.
        if (counter is not ((uint)VirtualCounter or (uint)PhysicalCounter))
            return FirmwareAnswer.NotSupported;
        var nanoseconds = (ulong)((time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100);
        var cycles = (ulong)clock.Now;
        return new((uint)(nanoseconds >> 32), Result1: (uint)nanoseconds, Result2: (uint)(cycles >> 32), Result3: (uint)cycles);
    }
}
