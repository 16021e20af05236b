using System.Globalization;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>Calls on the VM and its memory.</summary>
internal sealed partial class KvmSession
{
    private const int MaxReadBytes = 4096;

    public string CreateVm(CallArguments arguments)
    {
        arguments.Complete();
        Close();
        try
        {
            _memory = GuestMemory.CreateAddressSpace(AddressBits);
        }
        catch (IOException)
        {
            return nameof(Errno.ENOMEM);
        }

        _vm = _system.CreateVm(_memory, KvmVm.MaxVcpuIds, _time);
        _vm.MemoryLimitBytes = MaxMemoryBytes;
        return "ok";
    }

    public string CloseVm(CallArguments arguments)
    {
        _ = Vm;
        arguments.Complete();
        Close();
        return "ok";
    }

    public string EnableCap(CallArguments arguments)
    {
        KvmEnableCap? cap = arguments.TakeNull() ? null : new KvmEnableCap(
            Flags: (uint)arguments.Named("flags", 0, uint.MaxValue),
            Capability: (uint)arguments.Number("the capability", uint.MaxValue));
        arguments.Complete();
        return Answer(Vm.EnableCap(cap));
    }

    public string SetCounterOffset(CallArguments arguments)
    {
        KvmCounterOffset? offset = arguments.TakeNull() ? null : new KvmCounterOffset(
            Reserved: arguments.Named("reserved", 0, ulong.MaxValue),
            CounterOffset: arguments.Number("the offset"));
        arguments.Complete();
        return Answer(Vm.SetCounterOffset(offset));
    }

    public string PreferredTarget(CallArguments arguments)
    {
        var isNull = arguments.TakeNull();
        arguments.Complete();
        var init = new KvmVcpuInit();
        var result = Vm.GetPreferredTarget(isNull ? null : init);
        var words = 1 + Array.FindLastIndex(init.Features, word => word != 0);
        var features = string.Join(',', init.Features.Take(Math.Max(words, 1)).Select(word => $"0x{word:x}"));
        return Answer(result, $"target={Number(init.Target)} features={features}");
    }

    public string WritableMasks(CallArguments arguments)
    {
        var isNull = arguments.TakeNull();
        var number = (uint)arguments.Named("range", 0, uint.MaxValue);
        var reserved = arguments.NamedNumbers("reserved", uint.MaxValue, 13) ?? [];
        arguments.Complete();
        var range = new KvmRegMaskRange { Range = number };
        for (var i = 0; i < reserved.Length; i++)
            range.Reserved[i] = (uint)reserved[i];
        var result = Vm.GetRegWritableMasks(isNull ? null : range);
        var masks = FeatureIdRegisters()
            .Select(register => (register.Id, Mask: range.Address[register.Index]))
            .Where(register => register.Mask != 0)
            .Select(register => $"{register.Id:x16}={register.Mask:x16}");
        return Answer(result, string.Join(' ', masks));
    }

    public string SetMemory(CallArguments arguments)
    {
        var flags = (uint)arguments.Named("flags", 0, uint.MaxValue);
        var userspace = arguments.NamedText("userspace");
        var slot = (uint)arguments.Number("the slot", uint.MaxValue);
        var address = arguments.Number("the guest physical address");
        var size = arguments.Number("the size");
        var user = userspace is null ? null : (ulong?)arguments.ParseNumber("userspace", userspace);
        arguments.Complete();

        // A slot's memory is found again by its userspace address, so an absent one means: as it was, or the slot's own.
        var existing = Vm.MemoryRegions.Where(region => region.Slot == slot).Select(region => (ulong?)region.UserspaceAddress).FirstOrDefault();
        return Answer(Vm.SetUserMemoryRegion(new KvmMemoryRegion(slot, flags, address, size, user ?? existing ?? 0)));
    }

    public string LoadFile(CallArguments arguments)
    {
        var address = arguments.Number("the guest physical address");
        var path = arguments.Text("the file");
        arguments.Complete();
        try
        {
            using var file = new FileStream(path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var length = file.Length;
            if (length > (long)MaxMemoryBytes || !Memory.Contains(address, (int)length))
                throw new CallException($"{length.ToString(CultureInfo.InvariantCulture)} bytes at 0x{address:x} do not lie in memory slots");
            var buffer = new byte[GuestMemory.ChunkSize];
            for (long done = 0; done < length;)
            {
                var count = file.Read(buffer, 0, (int)Math.Min(buffer.Length, length - done));
                if (count == 0)
                    throw new CallException($"'{path}' became shorter while it was read");
                Memory.TryLoad(address + (ulong)done, buffer.AsSpan(0, count));
                done += count;
            }

            return $"ok {Number(length)}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CallException($"'{path}' cannot be read: {e.Message}");
        }
    }

    public string WriteMemory(CallArguments arguments)
    {
        var address = arguments.Number("the guest physical address");
        var bytes = arguments.Bytes("the bytes", 1, LineReader.MaxLength);
        arguments.Complete();
        if (bytes is null)
            return nameof(Errno.EFAULT);
        return Memory.TryLoad(address, bytes) ? "ok" : throw new CallException($"{bytes.Length} bytes at 0x{address:x} do not lie in memory slots");
    }

    public string ReadMemory(CallArguments arguments)
    {
        var address = arguments.Number("the guest physical address");
        var bytes = new byte[arguments.Number("the length", MaxReadBytes)];
        arguments.Complete();
        return Memory.TryRead(address, bytes)
            ? $"ok {Hex(bytes)}"
            : throw new CallException($"{bytes.Length} bytes at 0x{address:x} do not lie in memory slots");
    }

    /// <summary>The registers of the feature ID range: op0 3, op1 0, 1 and 3, CRn 0, CRm and op2 0 to 7.</summary>
    private static IEnumerable<(ulong Id, int Index)> FeatureIdRegisters() =>
        from op1 in (int[])[0, 1, 3]
        from crm in Enumerable.Range(0, 8)
        from op2 in Enumerable.Range(0, 8)
        select (RegisterId.SystemRegister((SystemRegister)(0xc000 | (op1 << 11) | (crm << 3) | op2)), KvmRegMaskRange.IndexOf(op1, crm, op2));

    private void Close()
    {
        _vm?.Dispose();
        _vm = null;
        _memory?.Dispose();
        _memory = null;
    }
}
