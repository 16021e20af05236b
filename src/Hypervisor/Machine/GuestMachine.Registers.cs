using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Machine;

/// <summary>Single registers of a vCPU, by KVM's ids or by name, through ONE_REG.</summary>
public sealed partial class GuestMachine
{
    /// <summary>vCPUs of the machine.</summary>
    public int VcpuCount => _vcpus.Count;

    /// <summary>The registers of one vCPU in the kernel's order; null if there is no such vCPU.</summary>
    public RegisterList? ListRegisters(int index) => FindVcpu(index) is { } vcpu
        ? WhileHalted(() => new RegisterList([.. RegisterIds(vcpu).Select(Describe)]))
        : null;

    /// <summary>One register at a safe point; null if there is no such vCPU or it has no such register.</summary>
    /// <param name="index">The vCPU.</param>
    /// <param name="register">Id or name.</param>
    public RegisterContent? ReadRegister(int index, string register) => FindVcpu(index) is { } vcpu
        ? WhileHalted(() => Resolve(RegisterIds(vcpu), register) is { } id ? ReadContent(vcpu, id) : null)
        : null;

    /// <summary>Writes registers of a paused machine in order: all of them, or none.</summary>
    /// <param name="index">The vCPU, which must exist.</param>
    /// <param name="writes">What becomes what.</param>
    /// <param name="validateOnly">Takes everything back again.</param>
    /// <exception cref="MachineStateException">The machine is not paused.</exception>
    /// <exception cref="RegisterAccessException">At least one is refused; every reason is named and nothing has changed.</exception>
    public void WriteRegisters(int index, IReadOnlyList<RegisterWrite> writes, bool validateOnly = false)
    {
        lock (_gate)
        {
            Require(MachineState.Paused, "given registers");
            var vcpu = _vcpus[index];
            var reasons = new List<ControlProblemReason>();
            var values = ParseWrites(RegisterIds(vcpu), writes, reasons);
            if (reasons.Count > 0)
                throw new RegisterAccessException(reasons);
            ApplyOrUndo(vcpu, values, reasons, validateOnly);
            vcpu.InvalidateTranslations();
            if (reasons.Count > 0)
                throw new RegisterAccessException(reasons);
        }
    }

    private KvmVcpu? FindVcpu(int index) => index >= 0 && index < _vcpus.Count ? _vcpus[index] : null;

    private static List<ulong> RegisterIds(KvmVcpu vcpu) => vcpu.WholeRegisters();

    private static RegisterInfo Describe(ulong id) => new(RegisterNames.Text(id), RegisterNames.NameOf(id), RegisterId.SizeOf(id));

    private static ulong? Resolve(List<ulong> ids, string register)
    {
        var at = RegisterNames.TryParseId(register, out var id)
            ? ids.IndexOf(id)
            : ids.FindIndex(i => string.Equals(RegisterNames.NameOf(i), register, StringComparison.OrdinalIgnoreCase));
        return at < 0 ? null : ids[at];
    }

    private static RegisterContent ReadContent(KvmVcpu vcpu, ulong id) => new(Describe(id), Convert.ToHexStringLower(ReadBytes(vcpu, id)));

    private static byte[] ReadBytes(KvmVcpu vcpu, ulong id)
    {
        var bytes = new byte[RegisterId.SizeOf(id)];
        return vcpu.GetOneReg(id, bytes) is var result and not Errno.Ok
            ? throw new InvalidOperationException($"Register {RegisterNames.NameOf(id)} is listed but cannot be read: {result}.")
            : bytes;
    }

    private static List<(ulong Id, byte[] Value)> ParseWrites(
        List<ulong> ids, IReadOnlyList<RegisterWrite> writes, List<ControlProblemReason> reasons)
    {
        if (writes.Count == 0 || writes.Count > ids.Count)
            reasons.Add(new("/registers", $"Name 1 to {ids.Count} registers, not {writes.Count}."));
        var values = new List<(ulong, byte[])>();
        for (var i = 0; i < Math.Min(writes.Count, ids.Count); i++)
        {
            if (Resolve(ids, writes[i]?.Register ?? string.Empty) is not { } id)
                reasons.Add(new(Pointer(i, "register"), $"The vCPU has no register '{writes[i]?.Register}' (ENOENT)."));
            else if (RegisterValues.Parse(writes[i].Value ?? string.Empty, RegisterId.SizeOf(id), RegisterId.IsSve(id), out var fault) is { } value)
                values.Add((id, value));
            else
                reasons.Add(new(Pointer(i, "value"), $"{RegisterNames.NameOf(id)} {fault}"));
        }

        return values;
    }

    /// <summary>Writes all in order. What is refused is put down, and what was written then gets its old value back.</summary>
    private static void ApplyOrUndo(KvmVcpu vcpu, List<(ulong Id, byte[] Value)> values, List<ControlProblemReason> reasons, bool undo)
    {
        var written = new Stack<(ulong Id, byte[] Before)>();
        for (var i = 0; i < values.Count; i++)
        {
            var (id, value) = values[i];
            var before = ReadBytes(vcpu, id);
            if (vcpu.SetOneReg(id, value) is var result and not Errno.Ok)
                reasons.Add(new(Pointer(i, "value"), $"{RegisterNames.NameOf(id)} {Explain(result)} ({result})."));
            else
                written.Push((id, before));
        }

        if (reasons.Count == 0 && !undo)
            return;

        // A counter runs on between the reading and this, so that setting it back can lose nothing but these moments.
        foreach (var (id, before) in written)
        {
            if (vcpu.SetOneReg(id, before) is var result and not Errno.Ok)
                throw new InvalidOperationException($"Register {RegisterNames.NameOf(id)} refuses its own value: {result}.");
        }
    }

    private static string Explain(Errno result) => result switch
    {
        Errno.EPERM => "cannot be written once the vCPU is finalized",
        Errno.EBUSY => "is fixed since the VM has run",
        Errno.ENOENT => "cannot be written",
        _ => "does not take this value",
    };

    private static string Pointer(int at, string field) => string.Create(CultureInfo.InvariantCulture, $"/registers/{at}/{field}");
}
