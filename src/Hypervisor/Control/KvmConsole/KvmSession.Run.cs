using System.Buffers.Binary;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>RUN and its exits.</summary>
internal sealed partial class KvmSession
{
    /// <summary>After this time RUN gets a signal, so that a guest that never exits does not end the console.</summary>
    private const int DefaultTimeoutMilliseconds = 10_000;

    private const int MaxTimeoutMilliseconds = 600_000;

    public string Run(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        var immediate = arguments.Flag("immediate-exit");
        var timeout = (long)arguments.Named("timeout", DefaultTimeoutMilliseconds, MaxTimeoutMilliseconds);
        arguments.Complete();

        vcpu.RunState.ImmediateExit = immediate;
        var signal = _time.CreateTimer(_ => vcpu.Kick(), null, TimeSpan.FromMilliseconds(timeout), Timeout.InfiniteTimeSpan);
        var result = vcpu.Run();
        signal.DisposeAsync().AsTask().GetAwaiter().GetResult(); // once it is gone no signal can come
        vcpu.ForgetKick();
        vcpu.RunState.ImmediateExit = false;
        switch (result)
        {
            case Errno.Ok:
                return $"ok {DescribeExit(vcpu.RunState)}";
            case Errno.EOPNOTSUPP:
                return $"{result} {DescribeExit(vcpu.RunState)}";
            case Errno.ENOSYS:
                Note($"vCPU {Number(vcpu.Index)}: {vcpu.RunState.Detail}");
                break;
        }

        return result.ToString();
    }

    public string SetMmioData(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        var run = vcpu.RunState;
        if (!vcpu.HasPendingMmio || run.MmioIsWrite)
            throw new CallException("the vCPU waits for no MMIO read");
        var bytes = arguments.Bytes("the data", run.MmioLength, run.MmioLength);
        if (bytes is null)
            arguments.Refuse("the data cannot be null");
        arguments.Complete();
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        value.Clear();
        bytes!.CopyTo(value);
        run.MmioData = BinaryPrimitives.ReadUInt64LittleEndian(value);
        return "ok";
    }

    private static string DescribeExit(KvmRun run)
    {
        var reason = $"exit_reason={Number((int)run.ExitReason)}";
        return run.ExitReason switch
        {
            KvmExitReason.Mmio when run.MmioIsWrite =>
                $"{reason} MMIO phys_addr=0x{run.MmioAddress:x} len={Number(run.MmioLength)} is_write=1 data={MmioData(run)}",
            KvmExitReason.Mmio => $"{reason} MMIO phys_addr=0x{run.MmioAddress:x} len={Number(run.MmioLength)} is_write=0",
            KvmExitReason.SystemEvent => $"{reason} SYSTEM_EVENT type={Number((int)run.SystemEvent)}",
            KvmExitReason.FailEntry => $"{reason} {FailEntry(run)}",
            KvmExitReason.ArmNisv => $"{reason} ARM_NISV esr_iss=0x{run.NisvEsrIss:x} fault_ipa=0x{run.NisvFaultIpa:x}",
            _ => $"{reason} {run.ExitReason} {run.Detail}".TrimEnd(),
        };
    }

    private static string FailEntry(KvmRun run) =>
        $"FAIL_ENTRY hardware_entry_failure_reason=0x{run.FailEntryReason:x} cpu={Number(run.FailEntryCpu)} {run.Detail}".TrimEnd();

    private static string MmioData(KvmRun run)
    {
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(value, run.MmioData);
        return Hex(value[..run.MmioLength]);
    }
}
