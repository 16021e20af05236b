using System.Globalization;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>Calls on vCPUs, other than RUN.</summary>
internal sealed partial class KvmSession
{
    /// <summary>Largest register size that an id can have, in bytes.</summary>
    private const int MaxRegisterBytes = 1 << 15;

    private const int MaxListedIds = 1 << 20;

    public string CreateVcpu(CallArguments arguments)
    {
        var id = (int)arguments.Number("the vCPU", int.MaxValue);
        arguments.Complete();
        if (Vm.Vcpus.Count() >= MaxVcpus && Vm.Vcpus.All(vcpu => vcpu.Index != id))
            return nameof(Errno.ENOMEM);
        return Answer(Vm.CreateVcpu(id, out _));
    }

    public string Init(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        if (arguments.TakeNull())
        {
            arguments.Complete();
            return Answer(vcpu.Init(null));
        }

        var init = new KvmVcpuInit();
        if (arguments.NamedText("target") is { } target)
            init.Target = (uint)arguments.ParseNumber("target", target, uint.MaxValue);
        else
            arguments.Refuse("target is missing");
        (arguments.NamedNumbers("features", uint.MaxValue, KvmVcpuInit.FeatureWords) ?? [])
            .Select(word => (uint)word).ToArray().CopyTo(init.Features, 0);
        arguments.Complete();
        return Answer(vcpu.Init(init));
    }

    public string FinalizeFeature(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        var feature = arguments.TakeNull() ? null : (int?)arguments.Number("the feature", uint.MaxValue);
        arguments.Complete();
        return Answer(vcpu.FinalizeFeature(feature));
    }

    public string GetRegister(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        var id = arguments.Hex("the register id");
        var isNull = arguments.TakeNull();
        arguments.Complete();
        Span<byte> value = isNull || id is null ? [] : new byte[RegisterId.SizeOf(id.Value)];
        return Answer(vcpu.GetOneReg(id, value), Hex(value));
    }

    public string SetRegister(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        byte[]? value = null;
        var id = arguments.Hex("the register id");
        if (id is { } known)
            value = arguments.Bytes("the register's bytes", RegisterId.SizeOf(known), RegisterId.SizeOf(known));
        else
            arguments.TakeNull();
        arguments.Complete();
        return Answer(vcpu.SetOneReg(id, value));
    }

    public string RegisterList(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        var text = arguments.TakeNull() ? CallArguments.Null : arguments.NamedText("n");
        var room = text is null or CallArguments.Null ? MaxListedIds : arguments.ParseNumber("n", text);
        arguments.Complete();

        // The kernel reads the caller's number before it looks at the caller's room, which the console always has.
        var list = text == CallArguments.Null ? null : new KvmRegList(MaxListedIds) { Count = room };
        var result = vcpu.GetRegList(list);
        if (result == Errno.E2BIG)
            return $"{result} n={list!.Count.ToString(CultureInfo.InvariantCulture)}";
        return result == Errno.Ok
            ? Answer(result, string.Join(' ', list!.Ids.Take((int)list.Count).Select(id => id.ToString("x16", CultureInfo.InvariantCulture))))
            : Answer(result);
    }

    public string GetEvents(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        arguments.Complete();
        var result = vcpu.GetEvents(out var events);
        return Answer(
            result,
            $"serror-pending={Flag(events.SErrorPending)} serror-has-esr={Flag(events.SErrorHasEsr)} serror-esr=0x{events.SErrorEsr:x} ext-dabt-pending={Flag(events.ExternalAbortPending)}");
    }

    public string SetEvents(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        if (arguments.TakeNull())
        {
            arguments.Complete();
            return Answer(vcpu.SetEvents(null));
        }

        var events = new KvmVcpuEvents(
            arguments.Named("serror-pending", 0, 1) != 0,
            arguments.Named("serror-has-esr", 0, 1) != 0,
            arguments.Named("ext-dabt-pending", 0, 1) != 0,
            arguments.Named("serror-esr", 0));
        arguments.Complete();
        return Answer(vcpu.SetEvents(events));
    }

    public string GetMpState(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        arguments.Complete();
        return Answer(vcpu.GetMpState(out var state), Number((uint)state));
    }

    public string SetMpState(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        var state = arguments.TakeNull() ? null : (KvmMpState?)arguments.Number("the state", uint.MaxValue);
        arguments.Complete();
        return Answer(vcpu.SetMpState(state));
    }

    public string Counters(CallArguments arguments)
    {
        var vcpu = Vcpu(arguments);
        arguments.Complete();
        var counters = vcpu.Counters;
        var exits = Enum.GetValues<ExitReason>().Select(reason => $"exits-{reason.ToString().ToLowerInvariant()}={counters.Exits(reason)}");
        return $"ok fp-traps={counters.FpTraps} sve-traps={counters.SveTraps} fp-loads={counters.FpLoads} fp-saves={counters.FpSaves} "
            + $"vl-changes={counters.VectorLengthChanges} mmio={counters.MmioAccesses} "
            + $"instructions={Number(vcpu.EngineCounters.RetiredInstructions)} {string.Join(' ', exits)}";
    }

    private KvmVcpu Vcpu(CallArguments arguments)
    {
        var vm = Vm;
        var id = arguments.Number("the vCPU", int.MaxValue);
        return vm.Vcpus.FirstOrDefault(vcpu => vcpu.Index == (int)id)
            ?? throw new CallException($"there is no vCPU {id.ToString(CultureInfo.InvariantCulture)}; create-vcpu makes one");
    }

    private static int Flag(bool value) => value ? 1 : 0;
}
