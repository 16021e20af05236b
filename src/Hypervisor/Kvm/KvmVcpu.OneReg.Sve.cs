using System.Buffers.Binary;
using System.Numerics;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's SVE group: the vector lengths, Z, P and FFR.</summary>
public sealed unsafe partial class KvmVcpu
{
    private const int SliceMask = 0x1f;
    private const int VlsBytes = 64;

    private void ListSve(List<ulong> ids)
    {
        if (_vm.Abi.HasVectorLengthRegister)
            ids.Add(RegisterId.SveVls);
        for (var n = 0; n < 32; n++)
            ids.Add(RegisterId.SveZ(n));
        for (var n = 0; n <= CpuState.Ffr; n++) // the FFR follows the predicates as if it were P16
            ids.Add(RegisterId.SveP(n));
    }

    private Errno AccessSve(ulong id, Span<byte> data, bool isSet)
    {
        if (id == RegisterId.SveVls && _vm.Abi.HasVectorLengthRegister)
            return isSet ? SetVectorLengths(data) : GetVectorLengths(data);
        var index = id & 0xf000_ffff;
        var size = id & RegisterId.SizeMask;
        var isZ = index < RegisterId.SvePBase && size == RegisterId.U2048;
        var isP = index is >= RegisterId.SvePBase and < RegisterId.SveEnd && size == RegisterId.U256;
        if (!isZ && !isP)
            return Errno.EINVAL;
        if (!HasSve || (index & SliceMask) != 0)
            return Errno.ENOENT;
        if (!_finalized)
            return Errno.EPERM;
        if (data.Length < RegisterId.SizeOf(id))
            return Errno.EFAULT;

        // State is kept at the vCPU's longest length: beyond it a read gives zeros and a write is dropped.
        byte* register;
        int used;
        if (isZ)
        {
            register = &_context->Z[(int)(index >> 5) * CpuState.ZStride];
            used = MaxVq * 16;
        }
        else
        {
            register = &_context->P[(int)((index - RegisterId.SvePBase) >> 5) * CpuState.PStride];
            used = MaxVq * 2;
        }

        var stored = new Span<byte>(register, used);
        if (isSet)
        {
            data[..used].CopyTo(stored);
        }
        else
        {
            data[..RegisterId.SizeOf(id)].Clear();
            stored.CopyTo(data);
        }

        return Errno.Ok;
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
