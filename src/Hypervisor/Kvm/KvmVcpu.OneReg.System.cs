using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's groups SYSREG and DEMUX.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>CCSIDR_EL1 by selector if the monitor has replaced one.</summary>
    private uint[]? _ccsidr;

    internal ref ulong Shadow(int index) => ref _shadow[index];

    /// <summary>CCSIDR_EL1 for a value of CSSELR_EL1; zero where no cache is.</summary>
    internal uint Ccsidr(uint selector) =>
        selector >= CacheGeometry.SelectorCount ? 0 : _ccsidr?[selector] ?? CacheGeometry.Ccsidr(_vm.Abi, _vm.Host.Profile.Facts, selector);

    /// <summary>
    /// Ids of another size, group or with unused bits, and registers that this vCPU does not have, are ENOENT; setting looks at the data first.
    /// </summary>
    private Errno AccessSystemRegister(ulong id, Span<byte> data, bool isSet)
    {
        const ulong UnusedBits = 0xf000_0000;
        var isReadable = data.Length >= Math.Min(RegisterId.SizeOf(id), sizeof(ulong));
        if (isSet && !isReadable && _vm.Abi.DataIsReadBeforeRegisterIsFound)
            return Errno.EFAULT;
        if ((id & RegisterId.SizeMask) != RegisterId.U64 || (id & RegisterId.GroupMask) != RegisterId.SysReg || (id & UnusedBits) != 0
            || SystemRegisterTable.Find(this, (SystemRegister)(ushort)id) is not { } row)
            return Errno.ENOENT;
        if (!isReadable)
            return Errno.EFAULT;
        if (isSet)
            return SetSystemRegister(row, BinaryPrimitives.ReadUInt64LittleEndian(data), dryRun: false);
        BinaryPrimitives.WriteUInt64LittleEndian(data, SystemRegisterTable.Read(this, _context, row));
        return Errno.Ok;
    }

    /// <summary>SET_ONE_REG of a register that the vCPU has. With <paramref name="dryRun"/> nothing changes.</summary>
    private Errno SetSystemRegister(SystemRegisterRow row, ulong value, bool dryRun)
    {
        switch (row.Home)
        {
            case RegisterHome.Identification when row.IgnoresUserWrites(this):
                return Errno.Ok;
            case RegisterHome.Identification:
                return SetIdentification(row.Register, value, dryRun);
            case RegisterHome.Field when row.Register == SystemRegister.OSLSR_EL1
                && ((value ^ SelfHostedDebug.OslsrReset) & ~SelfHostedDebug.OslsrLocked) != 0:
                return Errno.EINVAL; // set_oslsr_el1: only the lock itself can change
            case RegisterHome.Field when !dryRun:
                row.Field!(ref *_context) = value;
                return Errno.Ok;
            case RegisterHome.Shadow when !dryRun:
                _shadow[row.Shadow] = value;
                return Errno.Ok;
            default:
                return Errno.Ok;
        }
    }

    /// <summary>DEMUX: cache geometry by CSSELR_EL1, demux_c15_get and demux_c15_set.</summary>
    private Errno AccessCache(ulong id, Span<byte> data, bool isSet)
    {
        const ulong DemuxIdMask = 0xf000_ff00; // with the unused bits
        var selector = (uint)(id & 0xff);
        if ((id & RegisterId.SizeMask) != RegisterId.U32 || (id & DemuxIdMask) != 0
            || !CacheGeometry.IsSelectable(_vm.Abi, _vm.Host.Profile.Facts, selector))
            return Errno.ENOENT;
        if (data.Length < sizeof(uint))
            return Errno.EFAULT;
        if (isSet)
            return SetCcsidr(selector, BinaryPrimitives.ReadUInt32LittleEndian(data), dryRun: false);
        BinaryPrimitives.WriteUInt32LittleEndian(data, Ccsidr(selector));
        return Errno.Ok;
    }

    private Errno SetCcsidr(uint selector, uint value, bool dryRun)
    {
        if (value == Ccsidr(selector))
            return Errno.Ok;
        if (!_vm.Abi.CachesAreFabricated || !CacheGeometry.IsSettable(value))
            return Errno.EINVAL;
        if (dryRun)
            return Errno.Ok;
        _ccsidr ??= [.. Enumerable.Range(0, (int)CacheGeometry.SelectorCount).Select(n => Ccsidr((uint)n))];
        _ccsidr[selector] = value;
        return Errno.Ok;
    }

    private void ListCaches(List<ulong> ids)
    {
        for (var selector = 0u; selector < CacheGeometry.SelectorCount; selector++)
        {
            if (CacheGeometry.IsSelectable(_vm.Abi, _vm.Host.Profile.Facts, selector))
                ids.Add(RegisterId.Arm64 | RegisterId.U32 | RegisterId.Demux | selector);
        }
    }
}
