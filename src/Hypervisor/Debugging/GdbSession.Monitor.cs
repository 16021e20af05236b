using System.Globalization;
using System.Text;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>gdb's <c>monitor</c>: what the protocol has no packet for.</summary>
internal sealed partial class GdbSession
{
    private const string MonitorHelp = """
        counters                       events of the current vCPU
        translate ADDRESS              where a virtual address (hexadecimal) leads
        physical on|off                memory commands take physical addresses
        on-disconnect resume|pause     what becomes of the VM when the debugger goes away
        reset                          power-cycles the VM, which stays stopped

        """;

    private string RunMonitorCommand(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return GdbText.Hex(words switch
        {
            ["counters"] => DescribeCounters(),
            ["translate", var address] => Translate(address),
            ["physical", "on" or "off"] => SetPhysical(words[1] == "on"),
            ["on-disconnect", "resume" or "pause"] => SetLeavePaused(words[1] == "pause"),
            ["reset"] => ResetMachine(),
            [] or ["help"] => MonitorHelp,
            _ => "Unknown command; 'monitor help' lists those that exist.\n",
        });
    }

    private string DescribeCounters() => Inspect(vcpu =>
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"vCPU {vcpu.Index}\n");
        Add("retired instructions", (ulong)vcpu.EngineCounters.RetiredInstructions);
        Add("exceptions taken", (ulong)vcpu.EngineCounters.ExceptionsTaken);
        Add("interrupts taken", (ulong)vcpu.EngineCounters.InterruptsTaken);
        Add("TLB misses", (ulong)vcpu.EngineCounters.TlbMisses);
        Add("blocks decoded", (ulong)vcpu.EngineCounters.BlocksDecoded);
        Add("FP traps", vcpu.Counters.FpTraps);
        Add("SVE traps", vcpu.Counters.SveTraps);
        Add("MMIO accesses", vcpu.Counters.MmioAccesses);
        foreach (var reason in Enum.GetValues<ExitReason>())
            Add($"exits by {reason}", vcpu.Counters.Exits(reason));
        return text.ToString();

        void Add(string name, ulong count)
        {
            if (count != 0)
                text.Append(CultureInfo.InvariantCulture, $"{count,16} {name}\n");
        }
    });

    private string Translate(string address)
    {
        var digits = address.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? address[2..] : address;
        if (!GdbText.TryParseHex(Encoding.ASCII.GetBytes(digits), out ulong va))
            return "An address is a hexadecimal number.\n";
        return Inspect(vcpu => vcpu.TryTranslate(va, out var physical)
            ? $"{physical}{(_target.Memory.Contains(physical.Value, 1) ? string.Empty : ", which is not RAM")}\n"
            : "Nothing is mapped there.\n");
    }

    private string SetPhysical(bool on)
    {
        _physicalAddresses = on;
        return $"Addresses are {(on ? "physical" : "virtual")}. 'maintenance flush dcache' makes gdb forget what it has read.\n";
    }

    private string SetLeavePaused(bool leavePaused)
    {
        _leavePaused = leavePaused;
        return $"The VM will be {(leavePaused ? "paused" : "running on")} when the debugger goes away.\n";
    }

    private string ResetMachine() =>
        _target.Reset() is { } failure ? failure + "\n" : "The VM is reset. 'maintenance flush register-cache' makes gdb read the registers again.\n";
}
