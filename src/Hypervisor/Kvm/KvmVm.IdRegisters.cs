using System.Collections.Concurrent;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// <c>struct reg_mask_range</c>. Where a call takes one, null stands for a pointer that cannot be read, and too short an array for one that
/// cannot be written: EFAULT.
/// </summary>
public sealed class KvmRegMaskRange
{
    /// <summary>KVM_ARM_FEATURE_ID_RANGE_SIZE: op1 0, 1 and 3 with CRm and op2 0 to 7 each.</summary>
    public const int FeatureIdRangeSize = 3 * 8 * 8;

    /// <summary>Where the masks go.</summary>
    public ulong[] Address { get; init; } = new ulong[FeatureIdRangeSize];

    /// <summary>Only range 0, the feature ID registers, exists.</summary>
    public uint Range { get; init; }

    /// <summary>Must be zero.</summary>
    public uint[] Reserved { get; } = new uint[13];

    /// <summary>KVM_ARM_FEATURE_ID_RANGE_INDEX of a register with op0 3 and CRn 0.</summary>
    public static int IndexOf(int op1, int crm, int op2) => ((op1 == 3 ? 2 : op1 & 1) << 6) | ((crm & 7) << 3) | (op2 & 7);
}

/// <summary>ID registers, which a VM's vCPUs share where the profile has them writable.</summary>
public sealed partial class KvmVm
{
    /// <summary>Values that the monitor has set, and the bits in which they count.</summary>
    private readonly ConcurrentDictionary<SystemRegister, (ulong Mask, ulong Value)> _idRegisters = new();

    /// <summary>KVM_ARM_GET_REG_WRITABLE_MASKS.</summary>
    public Errno GetRegWritableMasks(KvmRegMaskRange? range)
    {
        if (!Abi.IdRegistersAreWritable)
            return Errno.EINVAL; // no such call
        if (range is null)
            return Errno.EFAULT;
        if (range.Range != 0 || range.Reserved.AsSpan().ContainsAnyExcept(0u))
            return Errno.EINVAL;
        if (range.Address.Length < KvmRegMaskRange.FeatureIdRangeSize)
            return Errno.EFAULT;
        Array.Clear(range.Address);
        foreach (var (register, rule) in IdRegisterRule.All)
        {
            if (!rule.IsAArch32 || Host.Profile.Facts.AArch32El0)
                range.Address[IndexOf(register)] = rule.WritableMask;
        }

        range.Address[IndexOf(SystemRegister.CLIDR_EL1)] = CacheGeometry.ClidrWritable;
        return Errno.Ok;
    }

    /// <summary>What the monitor made of a register whose value would be <paramref name="limit"/>.</summary>
    internal ulong IdRegister(SystemRegister register, ulong limit) =>
        _idRegisters.TryGetValue(register, out var set) ? (limit & ~set.Mask) | (set.Value & set.Mask) : limit;

    internal void SetIdRegister(SystemRegister register, ulong value, ulong mask = ulong.MaxValue) => _idRegisters[register] = (mask, value);

    private static int IndexOf(SystemRegister register) =>
        KvmRegMaskRange.IndexOf((int)register >> 11 & 7, (int)register >> 3 & 0xf, (int)register & 7);
}
