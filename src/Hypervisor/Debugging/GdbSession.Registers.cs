using System.Text;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>Registers of the current thread.</summary>
internal sealed partial class GdbSession
{
    private string ReadGeneralRegisters() => Inspect(vcpu =>
    {
        var answer = new StringBuilder();
        for (var number = 0; number < GdbRegisterFile.GeneralCount; number++)
            answer.Append(ReadHex(vcpu, number));
        return answer.ToString();
    });

    /// <summary>Writes all general registers, or none of them when one refuses its value.</summary>
    private string WriteGeneralRegisters(ReadOnlySpan<byte> text)
    {
        var general = _registers.Registers.Take(GdbRegisterFile.GeneralCount).ToArray();
        if (GdbText.ParseBytes(text) is not { } bytes || bytes.Length != general.Sum(static register => register.Bytes))
            return Malformed;
        return Inspect(vcpu =>
        {
            // CPSR comes last but decides which SP is meant, and is the only one that may refuse.
            var cpsr = general[^1];
            var result = cpsr.Write(vcpu, bytes.AsSpan(bytes.Length - cpsr.Bytes));
            var at = 0;
            for (var number = 0; number < general.Length - 1 && result == Errno.Ok; number++)
            {
                result = general[number].Write(vcpu, bytes.AsSpan(at, general[number].Bytes));
                at += general[number].Bytes;
            }

            return AnswerOf(result);
        });
    }

    private string ReadRegister(ReadOnlySpan<byte> text) =>
        GdbText.TryParseHex(text, out int number) && number < _registers.Registers.Count
            ? Inspect(vcpu => ReadHex(vcpu, number))
            : Malformed;

    private string WriteRegister(ReadOnlySpan<byte> text)
    {
        if (!GdbText.TryParseHex(GdbText.Cut(ref text, '='), out int number) || number >= _registers.Registers.Count
            || GdbText.ParseBytes(text) is not { } bytes || bytes.Length != _registers.Registers[number].Bytes)
            return Malformed;
        return Inspect(vcpu => AnswerOf(_registers.Registers[number].Write(vcpu, bytes)));
    }

    /// <summary>A register's bytes in hexadecimal, or an x per digit where this vCPU does not have it.</summary>
    private string ReadHex(KvmVcpu vcpu, int number)
    {
        var register = _registers.Registers[number];
        Span<byte> bytes = stackalloc byte[Cpu.CpuState.ZStride];
        bytes = bytes[..register.Bytes];
        return register.Read(vcpu, bytes) ? GdbText.Hex(bytes) : new string('x', 2 * register.Bytes);
    }

    private static string AnswerOf(Errno result) => result == Errno.Ok ? Ok : $"E{(byte)Math.Abs((int)result):x2}";
}
