using System.Buffers.Binary;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's groups FW and FW bitmaps: the PSCI version, SMCCC workarounds, and which firmware services the guest gets.</summary>
public sealed unsafe partial class KvmVcpu
{
    // KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 2 and 3 of a CPU that needs none.
    private const ulong WorkaroundNotRequired = 2;
    private const ulong Workaround2Available = 2;
    private const ulong Workaround2NotRequired = 3;
    private const ulong Workaround2Enabled = 1 << 4;
    private const ulong WorkaroundLevelMask = 0xf;

    private const int PsciVersionIndex = 0;
    private const int Workaround2Index = 2;

    /// <summary>Where in <see cref="_firmwareIds"/> the bitmaps begin, if there are any.</summary>
    private const int FirstBitmap = 4;

    private readonly ulong[] _firmwareIds;

    private static ulong[] FirmwareIdsOf(AbiProfile abi) =>
    [
        .. Enumerable.Range(0, abi.FirmwareRegisterCount).Select(i => RegisterId.Arm64 | RegisterId.U64 | RegisterId.Firmware | (uint)i),
        .. Enumerable.Range(0, abi.HasFirmwareBitmaps ? FirmwareServices.Count : 0)
            .Select(i => RegisterId.Arm64 | RegisterId.U64 | RegisterId.FirmwareBitmap | (uint)i),
    ];

    /// <summary>kvm_arm_set_fw_reg reads the value before it knows the register, so there EFAULT comes before ENOENT.</summary>
    private Errno AccessFirmware(ulong id, Span<byte> data, bool isSet)
    {
        var at = Array.IndexOf(_firmwareIds, id);
        var isReadable = data.Length >= sizeof(ulong);
        if (isSet && (id & RegisterId.SizeMask) == RegisterId.U64 && !isReadable)
            return Errno.EFAULT;
        if (at < 0)
            return Errno.ENOENT;
        if (!isReadable)
            return Errno.EFAULT;
        if (!isSet)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data, FirmwareValue(at));
            return Errno.Ok;
        }

        var value = BinaryPrimitives.ReadUInt64LittleEndian(data);
        if (!IsFirmwareValueAllowed(at, value))
            return Errno.EINVAL;
        if (at >= FirstBitmap && _vm.HasRun && value != FirmwareValue(at))
            return Errno.EBUSY;
        SetFirmwareValue(at, value);
        return Errno.Ok;
    }

    private ulong FirmwareValue(int at) => at switch
    {
        PsciVersionIndex => HasPsci ? _vm.Firmware.Psci.Version : Psci.Version01,
        Workaround2Index => Workaround2NotRequired,
        < FirstBitmap => WorkaroundNotRequired,
        _ => _vm.Firmware.Services[at - FirstBitmap],
    };

    private bool IsFirmwareValueAllowed(int at, ulong value)
    {
        switch (at)
        {
            case PsciVersionIndex when HasPsci:
                return value is Psci.Version02 or Psci.Version10 or Psci.Version11 && value <= _vm.Abi.LatestPsci;
            case PsciVersionIndex:
                return value == Psci.Version01;
            case Workaround2Index:
                // A workaround may be said to be worse than it is; only an available one can be switched on in the guest.
                var level = value & WorkaroundLevelMask;
                return (value & ~(WorkaroundLevelMask | Workaround2Enabled)) == 0 && level <= Workaround2NotRequired
                    && ((value & Workaround2Enabled) == 0 || level == Workaround2Available);
            case < FirstBitmap:
                return value <= WorkaroundNotRequired;
            default:
                return (value & ~FirmwareServices.Offered[at - FirstBitmap]) == 0;
        }
    }

    private void SetFirmwareValue(int at, ulong value)
    {
        if (at == PsciVersionIndex && HasPsci)
            _vm.Firmware.Psci.Version = value;
        else if (at >= FirstBitmap)
            _vm.Firmware.Services[at - FirstBitmap] = value;
    }
}
