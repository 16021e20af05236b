using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>
/// What the calls of one console work on: an emulated host, and at most one VM on it, whose memory and vCPUs are limited, so that no
/// script can exhaust the machine.
/// </summary>
/// <remarks>Thread: one. RUN executes on it.</remarks>
internal sealed partial class KvmSession : IDisposable
{
    /// <summary>Most bytes of all memory slots.</summary>
    public const ulong MaxMemoryBytes = 1UL << 30;

    /// <summary>Most vCPUs that a script may create.</summary>
    public const int MaxVcpus = 64;

    /// <summary>Bits of a guest physical address: what KVM gives a VM of type 0.</summary>
    private const int AddressBits = 40;

    /// <summary>Messages that are kept for the call <c>log</c>.</summary>
    private const int MaxLogged = 64;

    private readonly Queue<string> _log = [];
    private readonly TimeProvider _time;
    private readonly EmulatedHost _host;
    private readonly KvmSystem _system;
    private GuestMemory? _memory;
    private KvmVm? _vm;

    /// <summary>Boots the host.</summary>
    public KvmSession(HostProfile host, AbiProfile abi, TimeProvider time)
    {
        _time = time;
        _host = new EmulatedHost(host);
        _system = new KvmSystem(_host, abi, EngineFeatures.Implemented);
    }

    /// <summary>The script has asked for the end.</summary>
    public bool HasQuit { get; private set; }

    private KvmVm Vm => _vm ?? throw new CallException("there is no VM; create-vm makes one");

    private GuestMemory Memory => _memory ?? throw new CallException("there is no VM; create-vm makes one");

    /// <summary>Carries out a line.</summary>
    /// <returns>The answer, without a line end; null for a line without a call.</returns>
    /// <exception cref="CallException">The line cannot be carried out; every reason.</exception>
    public string? Answer(string line)
    {
        var words = CallArguments.Split(line);
        if (words.Count == 0)
            return null;
        if (ConsoleCall.Find(words[0]) is not { } call)
            throw new CallException($"there is no call '{words[0]}'; help lists every call");
        try
        {
            return call.Invoke(this, new CallArguments(words.Skip(1)));
        }
        catch (CallException e)
        {
            throw new CallException($"{e.Message}; it is written: {call.Syntax}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        _host.Dispose();
    }

    public string Help(CallArguments arguments)
    {
        var name = arguments.OptionalText();
        arguments.Complete();
        if (name is null)
            return $"ok {string.Join("; ", ConsoleCall.All.Select(call => call.Syntax))}";
        return ConsoleCall.Find(name) is { } found ? $"ok {found.Syntax}: {found.Meaning}" : throw new CallException($"there is no call '{name}'");
    }

    public string Quit(CallArguments arguments)
    {
        arguments.Complete();
        HasQuit = true;
        return "ok";
    }

    public string DescribeHost(CallArguments arguments)
    {
        arguments.Complete();
        var map = _host.VectorLengths;
        var cpus = string.Join(';', _host.Cpus.Select(cpu => Vqs(cpu.ProbedLengths)));
        return $"ok cpus={cpus} common={Vqs(map.Common)} partial={Vqs(map.Partial)} bound-bytes={Number(map.ArithmeticBoundVq * 16)} "
            + $"guest={Vqs(map.Virtualisable)} policy={ConsoleHost.NameOf(map.Policy)}";
    }

    public string OnlineCpu(CallArguments arguments)
    {
        var text = arguments.Text("the CPU's vector lengths");
        var midr = arguments.NamedText("midr");
        var reasons = new List<string>();
        var definition = new HostCpuDefinition { VectorLengthsBits = ConsoleHost.Lengths(text ?? string.Empty, reasons) };
        var number = ConsoleHost.Midr(midr, reasons);
        var faults = new List<ControlProblemReason>();
        var cpu = HostProfile.CreateCpu(definition, string.Empty, faults);
        foreach (var reason in reasons.Concat(faults.Select(fault => fault.Detail)))
            arguments.Refuse(reason.TrimEnd('.'));
        arguments.Complete();
        if (number is { } value)
            cpu = cpu with { Midr = value };
        if (_host.OnlineLateCpu(cpu) is not { } parked)
            return "ok";
        Note($"CPU{Number(_host.Cpus.Count)} stays parked: {parked}");
        return nameof(Errno.EIO);
    }

    /// <summary>What the host's kernel would have logged since the last time.</summary>
    public string ReadLog(CallArguments arguments)
    {
        arguments.Complete();
        var answer = $"ok {string.Join(" | ", _log)}".TrimEnd();
        _log.Clear();
        return answer;
    }

    public string UseHostFp(CallArguments arguments)
    {
        var index = (int)arguments.Number("the CPU", int.MaxValue);
        arguments.Complete();
        if (index >= _host.Cpus.Count)
            throw new CallException($"there is no CPU {Number(index)}; the host has {Number(_host.Cpus.Count)}");
        _host.Cpus[index].RequestFp();
        return "ok";
    }

    public string CheckExtension(CallArguments arguments)
    {
        var capability = (int)arguments.Number("the capability", int.MaxValue);
        arguments.Complete();
        return $"ok {Number(_vm?.CheckExtension(capability) ?? _system.CheckExtension(capability))}";
    }

    private void Note(string message)
    {
        if (_log.Count == MaxLogged)
            _log.Dequeue();
        _log.Enqueue(message);
    }

    private static string Answer(Errno result) => result == Errno.Ok ? "ok" : result.ToString();

    private static string Answer(Errno result, string value) => result == Errno.Ok ? $"ok {value}" : result.ToString();

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    private static string Vqs(VqSet set) => set.IsEmpty ? "none" : string.Join(',', set.ToLengthsBits().Select(bits => bits / 128));
}
