using System.Buffers.Binary;
using System.Globalization;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Saved state: vector lengths, power, and every register of the register list through ONE_REG, as a migration over KVM's interface
/// carries them. Timers have a section of their own. The exclusive monitor is not saved: put clears it.
/// </summary>
public sealed unsafe partial class KvmVcpu : ISnapshottable
{
    private const int MaxListedRegisters = 4096;

    /// <inheritdoc/>
    public string SectionName => string.Create(CultureInfo.InvariantCulture, $"vcpu/{Index}");

    /// <inheritdoc/>
    public ushort SectionVersion => 2;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.WriteUInt32((uint)(_features & ~KvmVcpuFeatures.PowerOff));
        writer.WriteUInt32(_vectorLengths.Bits);
        writer.WriteBoolean(PoweredOff);
        writer.WriteBoolean(_context->VirtualSError != 0);
        var ids = StateRegisters();
        writer.WriteInt32(ids.Count);
        Span<byte> buffer = stackalloc byte[CpuState.ZStride];
        foreach (var id in ids)
        {
            var value = buffer[..RegisterId.SizeOf(id)];
            var result = GetOneReg(id, value);
            if (result != Errno.Ok)
                throw new InvalidOperationException($"Register {id:x} is listed but cannot be read: {result}.");
            writer.WriteUInt64(id);
            writer.WriteBytes(value);
        }
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        var reasons = new List<string>();
        var features = reader.ReadUInt32();
        if (features != (uint)(_features & ~KvmVcpuFeatures.PowerOff))
            reasons.Add($"vCPU {Index} has the features 0x{features:x} in the state and 0x{(uint)_features:x} here.");
        var lengths = new VqSet(reader.ReadUInt32());
        if (CheckVectorLengths(lengths) is { } reason)
            reasons.Add(reason);
        var poweredOff = reader.ReadBoolean();
        var hasPendingSError = reader.ReadBoolean();
        var values = ReadRegisters(reader, reasons);
        return reasons.Count > 0
            ? throw new StateFormatException(reasons, incompatible: true)
            : () => Restore(poweredOff, hasPendingSError, values);
    }

    /// <summary>The register list with whole registers in every profile, so that each can be read and written. The vCPU is ready to run.</summary>
    internal List<ulong> WholeRegisters()
    {
        if (!_initialized || !IsFinalized)
            throw new InvalidOperationException($"vCPU {Index} has no register list yet.");
        var ids = new List<ulong>();
        ListCoreRegisters(ids);
        ListAllButCore(ids);
        return ids;
    }

    /// <summary>What of them no other section holds.</summary>
    private List<ulong> StateRegisters()
    {
        var ids = WholeRegisters();
        ids.RemoveAll(id => TimerRegister(id) is not null || id == RegisterId.SveVls);
        return ids;
    }

    /// <summary>Why this vCPU cannot take over the lengths of another.</summary>
    private string? CheckVectorLengths(VqSet lengths)
    {
        if (lengths == _vectorLengths)
            return null;
        var offered = _vm.Host.VectorLengths.Virtualisable;
        var why = lengths.IsEmpty ? "the guest has no SVE"
            : _vectorLengths.IsEmpty ? "the vCPU has no SVE"
            : lengths != offered.CutAt(lengths.Max) ? $"this host can offer {{{offered}}} cut off at a maximum only"
            : "the vCPU was finalized with others";
        return $"vCPU {Index} has the vector lengths {{{lengths}}} in the state and {{{_vectorLengths}}} here, and the guest has probed them, so they must be the very same: {why}.";
    }

    /// <summary>Reads and checks all registers, so that restoring them cannot fail half-way.</summary>
    private List<(ulong Id, byte[] Value)> ReadRegisters(StateReader reader, List<string> reasons)
    {
        var count = reader.ReadInt32();
        if (count is < 0 or > MaxListedRegisters)
            throw new StateFormatException($"Section {SectionName}: {count} registers are too many.");
        var missing = new HashSet<ulong>(StateRegisters());
        var values = new List<(ulong, byte[])>(count);
        for (var i = 0; i < count; i++)
        {
            var id = reader.ReadUInt64();
            if ((id & RegisterId.SizeMask) > RegisterId.U2048)
                throw new StateFormatException($"Section {SectionName}: register id {id:x} has an impossible size.");
            var value = reader.ReadBytes(RegisterId.SizeOf(id)).ToArray();
            if (!missing.Remove(id))
                reasons.Add($"vCPU {Index}: register {id:x} is in the state and not here.");
            else if (CheckRegister(id, value) is { } reason)
                reasons.Add(reason);
            values.Add((id, value));
        }

        reasons.AddRange(missing.Select(id => $"vCPU {Index}: register {id:x} is missing from the state."));
        return values;
    }

    /// <summary>Why SET_ONE_REG would refuse a value of a listed register; null if it would not.</summary>
    private string? CheckRegister(ulong id, ReadOnlySpan<byte> value)
    {
        if (Array.IndexOf(_firmwareIds, id) is >= 0 and var firmware)
        {
            return IsFirmwareValueAllowed(firmware, BinaryPrimitives.ReadUInt64LittleEndian(value))
                ? null
                : $"vCPU {Index}: firmware register {id:x} has a value in the state that is not offered here.";
        }

        if (id == RegisterId.CoreRegister(RegisterId.CorePstate, RegisterId.U64))
        {
            var pstate = BinaryPrimitives.ReadUInt64LittleEndian(value);
            return IsModeAllowed(pstate) ? null : $"vCPU {Index}: PSTATE 0x{pstate:x} has no mode that exists here.";
        }

        var result = (id & RegisterId.GroupMask) switch
        {
            RegisterId.Demux => SetCcsidr((uint)(id & 0xff), BinaryPrimitives.ReadUInt32LittleEndian(value), dryRun: true),
            RegisterId.SysReg => SetSystemRegister(RowOf(id)!, BinaryPrimitives.ReadUInt64LittleEndian(value), dryRun: true),
            _ => Errno.Ok,
        };
        if (result == Errno.Ok)
            return null;
        Span<byte> here = stackalloc byte[8];
        here = here[..value.Length];
        _ = GetOneReg(id, here);
        var name = RowOf(id)?.Name ?? id.ToString("x", CultureInfo.InvariantCulture);
        return $"vCPU {Index}: {name} is {Convert.ToHexString(value)} in the state and {Convert.ToHexString(here)} here (bytes, least significant first): {result}.";
    }

    private SystemRegisterRow? RowOf(ulong id) =>
        (id & RegisterId.GroupMask) == RegisterId.SysReg ? SystemRegisterTable.Find(this, (SystemRegister)(ushort)id) : null;

    /// <summary>
    /// The kernel's order: INIT, vector lengths and FINALIZE have happened when the vCPU was made; then ID registers, which decide about others;
    /// then the rest.
    /// </summary>
    private void Restore(bool poweredOff, bool hasPendingSError, List<(ulong Id, byte[] Value)> values)
    {
        ResetRegisters();
        _mmioPending = false;
        ForgetPendingReset();
        PoweredOff = poweredOff;
        Suspended = false;
        _context->VirtualSError = (byte)(hasPendingSError ? 1 : 0);
        foreach (var (id, value) in values.OrderBy(register => RowOf(register.Id)?.Home == RegisterHome.Identification ? 0 : 1))
        {
            // Unlike SET_ONE_REG, a restore may change services after the VM has run.
            if (Array.IndexOf(_firmwareIds, id) is >= 0 and var firmware)
            {
                SetFirmwareValue(firmware, BinaryPrimitives.ReadUInt64LittleEndian(value));
                continue;
            }

            if (SetOneReg(id, value) is var result and not Errno.Ok)
                throw new InvalidOperationException($"Register {id:x} passed its check but is refused: {result}.");
        }

        _engine.InvalidateAllTranslations();
    }
}
