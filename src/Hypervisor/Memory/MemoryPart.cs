namespace CloudVm.Hypervisor.Memory;

/// <summary>A part of the range of a <see cref="GuestMemory"/> that is RAM.</summary>
/// <param name="Start">Its first guest physical address; a multiple of 4096.</param>
/// <param name="Bytes">Its size; a positive multiple of 4096.</param>
/// <param name="IsReadOnly">The guest's writes to it are treated as writes outside RAM.</param>
public readonly record struct MemoryPart(ulong Start, ulong Bytes, bool IsReadOnly)
{
    /// <summary>The first address behind it.</summary>
    public ulong End => Start + Bytes;
}
