using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_GET_REG_LIST.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>
    /// KVM_GET_REG_LIST: every register of this vCPU, in the kernel's order. <see cref="KvmRegList.Count"/> always becomes the number of
    /// registers; if that is more than it said, the result is E2BIG and no id is written, so that no caller's room is overrun.
    /// </summary>
    public Errno GetRegList(KvmRegList? list)
    {
        if (!_initialized)
            return Errno.ENOEXEC;
        if (!IsFinalized)
            return Errno.EPERM;
        if (list is null)
            return Errno.EFAULT;
        var ids = new List<ulong>();
        ListRegisters(ids);
        var room = list.Count;
        list.Count = (ulong)ids.Count;
        if (room < (ulong)ids.Count)
            return Errno.E2BIG;
        if (list.Ids.Length < ids.Count)
            return Errno.EFAULT;
        ids.CopyTo(list.Ids);
        return Errno.Ok;
    }

    /// <summary>As <see cref="GetRegList(KvmRegList?)"/> with room enough.</summary>
    public Errno GetRegList(List<ulong> ids)
    {
        if (GetRegList(new KvmRegList(0)) is var result and not Errno.E2BIG)
            return result;
        ListRegisters(ids);
        return Errno.Ok;
    }

    private void ListRegisters(List<ulong> ids)
    {
        ListCore(ids);
        ListAllButCore(ids);
    }

    private void ListAllButCore(List<ulong> ids)
    {
        if (HasSve)
            ListSve(ids);
        ids.AddRange(_firmwareIds);
        ListTimers(ids);
        var invariant = SystemRegisterTable.Invariant(_vm.Abi);
        foreach (var register in invariant)
            ids.Add(RegisterId.SystemRegister(register));
        foreach (var row in SystemRegisterTable.Rows)
        {
            if (row.IsVisibleTo(this) && !invariant.Contains(row.Register))
                ids.Add(RegisterId.SystemRegister(row.Register));
        }

        ListCaches(ids);
    }

    private void ListCore(List<ulong> ids)
    {
        if (_vm.Abi.CoreRegistersAreBytes)
        {
            for (var word = 0; word < RegisterId.CoreWords; word++)
                ids.Add(RegisterId.CoreRegister(word, RegisterId.U64));
            return;
        }

        ListCoreRegisters(ids);
    }

    /// <summary>Every register of struct kvm_regs once; V registers of an SVE vCPU belong to the SVE group.</summary>
    private void ListCoreRegisters(List<ulong> ids)
    {
        for (var word = 0; word < CorePadding; word += 2)
            ids.Add(RegisterId.CoreRegister(word, RegisterId.U64));
        if (!HasSve)
        {
            for (var n = 0; n < 32; n++)
                ids.Add(RegisterId.CoreRegister(RegisterId.CoreV + (4 * n), RegisterId.U128));
        }

        ids.Add(RegisterId.CoreRegister(RegisterId.CoreFpsr, RegisterId.U32));
        ids.Add(RegisterId.CoreRegister(RegisterId.CoreFpcr, RegisterId.U32));
    }

    private void ListSve(List<ulong> ids)
    {
        if (_vm.Abi.HasVectorLengthRegister)
            ids.Add(RegisterId.SveVls);
        for (var n = 0; n < 32; n++)
            ids.Add(RegisterId.SveZ(n));
        for (var n = 0; n <= CpuState.Ffr; n++) // the FFR follows the predicates as if it were P16
            ids.Add(RegisterId.SveP(n));
    }

    private void ListTimers(List<ulong> ids)
    {
        // The virtual counter and compare value go by each other's encoding: an old mistake, frozen into the ABI.
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTV_CTL_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTV_CVAL_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTVCT_EL0));
        if (!_vm.Abi.PhysicalTimerIsListed)
            return;
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTP_CTL_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTPCT_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTP_CVAL_EL0));
    }
}
