using System.Buffers.Binary;
using System.Numerics;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's SVE group: the vector lengths, Z, P and FFR.</summary>
public sealed unsafe partial class KvmVcpu
{
    private const int SliceBits = 5;
    private const int SliceMask = (1 << SliceBits) - 1;
    private const int VlsBytes = 64;

    /// <summary>
    /// sve_reg_to_region's checks: an id outside the ranges of Z, P and FFR is EINVAL; a vCPU without SVE, and any slice but the first,
    /// ENOENT; before FINALIZE, EPERM.
    /// </summary>
    private Errno AccessSve(ulong id, Span<byte> data, bool isSet)
    {
        var abi = _vm.Abi;
        if (id == RegisterId.SveVls && abi.HasVectorLengthRegister)
            return isSet ? SetVectorLengths(data) : GetVectorLengths(data);
        if (!TryFindSve(id, out var stored))
            return abi.SveIdsAreChecked ? Errno.EINVAL : Errno.Ok;
        var slice = id & SliceMask;
        if (!HasSve || (slice != 0 && abi.SveIdsAreChecked))
            return Errno.ENOENT;
        if (!_finalized)
            return Errno.EPERM;
        if (slice != 0)
            stored = default;
        var size = RegisterId.SizeOf(id);
        if (data.Length < (isSet ? stored.Length : size))
            return Errno.EFAULT; // setting reads no more than is kept, and nothing of a higher slice
        if (isSet)
        {
            data[..stored.Length].CopyTo(stored);
        }
        else
        {
            data[..size].Clear();
            stored.CopyTo(data);
        }

        return Errno.Ok;
    }

    /// <summary>
    /// The bytes of a Z, P or FFR register that the vCPU keeps, whatever the slice: those of its longest vector length. Beyond them a read
    /// gives zeros and a write is dropped.
    /// </summary>
    private bool TryFindSve(ulong id, out Span<byte> stored)
    {
        var index = id & IndexMask;
        var size = id & RegisterId.SizeMask;

        // The series took a register number of 32 for one of its Z registers, and masked it to 0.
        var endOfZ = RegisterId.SvePBase + (_vm.Abi.SveIdsAreChecked ? 0 : SliceMask + 1);
        if (size == RegisterId.U2048 && index < (ulong)endOfZ)
        {
            stored = new(&_context->Z[(int)(index >> SliceBits) % 32 * CpuState.ZStride], MaxVq * 16);
            return true;
        }

        if (size == RegisterId.U256 && index is >= RegisterId.SvePBase and < RegisterId.SveEnd)
        {
            stored = new(&_context->P[(int)((index - RegisterId.SvePBase) >> SliceBits) * CpuState.PStride], MaxVq * 2);
            return true;
        }

        stored = default;
        return false;
    }

    private Errno GetVectorLengths(Span<byte> data)
    {
        if (!HasSve)
            return Errno.ENOENT;
        if (data.Length < VlsBytes)
            return Errno.EFAULT;
        data[..VlsBytes].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(data, _vectorLengths.Bits);
        return Errno.Ok;
    }

    /// <summary>The only legal sets are the host's virtualisable set cut off at a maximum.</summary>
    private Errno SetVectorLengths(ReadOnlySpan<byte> data)
    {
        if (!HasSve)
            return Errno.ENOENT;
        if (_finalized)
            return Errno.EPERM;
        if (data.Length < VlsBytes)
            return Errno.EFAULT;
        var max = 0;
        for (var word = 0; word < VlsBytes / 8; word++)
        {
            var bits = BinaryPrimitives.ReadUInt64LittleEndian(data[(word * 8)..]);
            if (bits != 0)
                max = (word * 64) + BitOperations.Log2(bits) + 1;
        }

        var virtualisable = _vm.Host.VectorLengths.Virtualisable;
        var wanted = new VqSet((uint)BinaryPrimitives.ReadUInt64LittleEndian(data));
        if (max == 0 || max > virtualisable.Max || wanted != virtualisable.CutAt(max))
            return Errno.EINVAL;
        _vectorLengths = wanted;
        return Errno.Ok;
    }
}
