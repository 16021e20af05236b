using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Register state before or after one instruction, in the byte layout that <c>Oracle/oracle.c</c> reads and writes.</summary>
internal sealed class MachineRecord(byte[] bytes, int vectorBytes)
{
    private const int FixedBytes = 304;
    private const int SpOffset = 31 * 8;
    private const int WordOffset = SpOffset + (4 * 8);

    public byte[] Bytes { get; } = bytes;

    public int VectorBytes { get; } = vectorBytes;

    public Span<ulong> X => MemoryMarshal.Cast<byte, ulong>(Bytes.AsSpan(0, 31 * 8));

    public ref ulong Sp => ref Wide(0);

    /// <summary>Where execution stopped.</summary>
    public ref ulong Pc => ref Wide(1);

    /// <summary>The address of a memory fault.</summary>
    public ref ulong Fault => ref Wide(2);

    public ref ulong MemoryHash => ref Wide(3);

    public ref uint Word => ref Narrow(0);

    /// <summary>The signal that ended the instruction, as on Linux; see <see cref="Outcomes"/>.</summary>
    public ref uint Outcome => ref Narrow(1);

    public ref uint Nzcv => ref Narrow(2);

    public ref uint Fpcr => ref Narrow(3);

    public ref uint Fpsr => ref Narrow(4);

    public ref uint UsesMemory => ref Narrow(5);

    /// <summary>Makes this a copy of another record of the same vector length.</summary>
    public void CopyFrom(MachineRecord other) => other.Bytes.CopyTo(Bytes, 0);

    public static int SizeOf(int vectorBytes) => (FixedBytes + (32 * vectorBytes) + (17 * vectorBytes / 8) + 7) & ~7;

    public static MachineRecord Create(int vectorBytes) => new(new byte[SizeOf(vectorBytes)], vectorBytes);

    public Span<byte> Z(int n) => Bytes.AsSpan(FixedBytes + (n * VectorBytes), VectorBytes);

    /// <summary>Pn, with 16 for FFR.</summary>
    public Span<byte> P(int n) => Bytes.AsSpan(FixedBytes + (32 * VectorBytes) + (n * VectorBytes / 8), VectorBytes / 8);

    /// <summary>
    /// Leaves of an instruction that did not complete only what the architecture promises about it: which exception, at which
    /// instruction and address.
    /// </summary>
    public void Normalise()
    {
        if (Outcome == Outcomes.Completed)
            return;
        var (word, outcome, pc, fault) = (Word, Outcome, Pc, Fault);
        Bytes.AsSpan().Clear();
        (Word, Outcome, Pc, Fault) = (word, outcome, pc, fault);
    }

    /// <summary>A stable digest of the whole record, continuing from that of earlier ones.</summary>
    public ulong Digest(ulong previous = 0) => StateHash.Compute(Bytes, previous);

    /// <summary>One line for each register that differs from <paramref name="other"/>.</summary>
    public IEnumerable<string> Differences(MachineRecord other)
    {
        for (var i = 0; i < 31; i++)
        {
            if (X[i] != other.X[i])
                yield return $"X{i}: {X[i]:x16} / {other.X[i]:x16}";
        }

        foreach (var (name, mine, theirs) in new (string, ulong, ulong)[]
        {
            ("SP", Sp, other.Sp), ("PC", Pc, other.Pc), ("fault", Fault, other.Fault), ("memory", MemoryHash, other.MemoryHash),
            ("outcome", Outcome, other.Outcome), ("NZCV", Nzcv, other.Nzcv), ("FPCR", Fpcr, other.Fpcr), ("FPSR", Fpsr, other.Fpsr),
        })
        {
            if (mine != theirs)
                yield return $"{name}: {mine:x} / {theirs:x}";
        }

        for (var i = 0; i < 32; i++)
        {
            if (!Z(i).SequenceEqual(other.Z(i)))
                yield return $"Z{i}: {Hex(Z(i))}\n  / {Hex(other.Z(i))}";
        }

        for (var i = 0; i < 17; i++)
        {
            if (!P(i).SequenceEqual(other.P(i)))
                yield return $"P{i}: {Hex(P(i))} / {Hex(other.P(i))}";
        }
    }

    /// <summary>Bytes as the manual writes registers: highest first.</summary>
    public static string Hex(ReadOnlySpan<byte> bytes)
    {
        var copy = bytes.ToArray();
        Array.Reverse(copy);
        return Convert.ToHexStringLower(copy);
    }

    private ref ulong Wide(int index) => ref MemoryMarshal.Cast<byte, ulong>(Bytes.AsSpan(SpOffset))[index];

    private ref uint Narrow(int index) => ref MemoryMarshal.Cast<byte, uint>(Bytes.AsSpan(WordOffset))[index];
}
