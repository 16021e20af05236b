namespace CloudVm.Hypervisor.Memory;

/// <summary>
/// The leases of <see cref="GuestMemory"/> as spans, for devices. A span must not be kept beyond the call that asked for it; memory
/// behind it may change at any time, since vCPUs run meanwhile: read what must be checked once.
/// </summary>
/// <remarks>Thread: any. Invariant: a span covers exactly the checked range.</remarks>
public static unsafe class GuestMemorySpans
{
    /// <summary>Lends [gpa, gpa + length) for reading; false if any of it is outside RAM.</summary>
    public static bool TryLendRead(this GuestMemory memory, ulong gpa, int length, out ReadOnlySpan<byte> span)
    {
        if (!memory.TryAcquireRead(gpa, length, out var pointer))
        {
            span = default;
            return false;
        }

        span = new ReadOnlySpan<byte>(pointer, length);
        return true;
    }

    /// <summary>Lends [gpa, gpa + length) for writing, with the tracking of <see cref="GuestMemory.TryAcquireWrite"/>.</summary>
    public static bool TryLendWrite(this GuestMemory memory, ulong gpa, int length, out Span<byte> span)
    {
        if (!memory.TryAcquireWrite(gpa, length, out var pointer))
        {
            span = default;
            return false;
        }

        span = new Span<byte>(pointer, length);
        return true;
    }

    /// <summary>Reads a naturally aligned halfword with acquire ordering; false outside RAM or when misaligned.</summary>
    public static bool TryReadAcquire(this GuestMemory memory, ulong gpa, out ushort value)
    {
        value = 0;
        if ((gpa & 1) != 0 || !memory.TryAcquireRead(gpa, sizeof(ushort), out var pointer))
            return false;
        value = Volatile.Read(ref *(ushort*)pointer);
        if (!BitConverter.IsLittleEndian)
            value = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
        return true;
    }

    /// <summary>Writes a naturally aligned halfword with release ordering; false outside RAM or when misaligned.</summary>
    public static bool TryWriteRelease(this GuestMemory memory, ulong gpa, ushort value)
    {
        if ((gpa & 1) != 0 || !memory.TryAcquireWrite(gpa, sizeof(ushort), out var pointer))
            return false;
        if (!BitConverter.IsLittleEndian)
            value = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
        Volatile.Write(ref *(ushort*)pointer, value);
        return true;
    }
}
