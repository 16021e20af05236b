using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>
/// Guest memory by virtual address, as the current thread's translation has it, or by physical address on demand. Only RAM: looking at a
/// device would change it.
/// </summary>
internal sealed partial class GdbSession
{
    /// <summary>Most bytes of memory in one answer: two digits each.</summary>
    private const int MaxMemoryBytes = GdbFrameReader.MaxPacketBytes / 2;

    private bool _physicalAddresses;

    /// <summary>m: what can be read up to the first hole; an error when the very first byte cannot.</summary>
    private string ReadMemory(ReadOnlySpan<byte> request)
    {
        if (!TryParseRange(request, out var address, out var length))
            return Malformed;
        return Inspect(vcpu =>
        {
            var bytes = new byte[Math.Min(length, MaxMemoryBytes)];
            var count = 0;
            while (count < bytes.Length)
            {
                var piece = bytes.AsSpan(count, PieceLength(address + (ulong)count, bytes.Length - count));
                if (!TryPhysical(vcpu, address + (ulong)count, out var physical) || !_target.Memory.TryRead(physical, piece))
                    break;
                count += piece.Length;
            }

            return count == 0 && length != 0 ? NoMemory : GdbText.Hex(bytes.AsSpan(0, count));
        });
    }

    /// <summary>M and X: writes all of the range or nothing.</summary>
    private string WriteMemory(ReadOnlySpan<byte> request, bool isBinary)
    {
        var range = GdbText.Cut(ref request, ':');
        var data = isBinary ? GdbText.Unescape(request) : GdbText.ParseBytes(request);
        if (!TryParseRange(range, out var address, out var length) || data is null || data.Length != length)
            return Malformed;
        return Inspect(vcpu =>
        {
            var pieces = new List<(ulong Physical, int Start, int Length)>();
            for (var start = 0; start < data.Length;)
            {
                var piece = PieceLength(address + (ulong)start, data.Length - start);
                if (!TryPhysical(vcpu, address + (ulong)start, out var physical) || !_target.Memory.Contains(physical, piece))
                    return NoMemory;
                pieces.Add((physical, start, piece));
                start += piece;
            }

            foreach (var (physical, start, piece) in pieces)
                _target.Memory.TryWrite(physical, data.AsSpan(start, piece));
            return Ok;
        });
    }

    private static bool TryParseRange(ReadOnlySpan<byte> text, out ulong address, out int length)
    {
        length = 0;
        return GdbText.TryParseHex(GdbText.Cut(ref text, ','), out address) && GdbText.TryParseHex(text, out length);
    }

    private bool TryPhysical(KvmVcpu vcpu, ulong address, out ulong physical)
    {
        physical = address;
        if (_physicalAddresses)
            return true;
        var found = vcpu.TryTranslate(address, out var translated);
        physical = translated.Value;
        return found;
    }

    /// <summary>How much of a range lies in its first page.</summary>
    private static int PieceLength(ulong address, int length) => (int)Math.Min((ulong)length, (~address & ~Tlb.PageMask) + 1);
}
