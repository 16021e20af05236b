namespace CloudVm.Hypervisor.Mmu;

/// <summary>What kind of access a translation is for.</summary>
public enum AccessKind : byte
{
    Read,
    Write,
    Fetch,

    /// <summary>A look by something that is not the guest, such as a debugger: it changes no descriptor and needs no access flag.</summary>
    Inspect,
}

/// <summary>Fault status codes: ISS.DFSC and ISS.IFSC. The codes below level 0 take the lookup level in their low two bits.</summary>
public static class FaultStatus
{
    public const byte AddressSize = 0b000000;
    public const byte Translation = 0b000100;
    public const byte AccessFlag = 0b001000;
    public const byte Permission = 0b001100;
    public const byte ExternalOnWalk = 0b010100;
    public const byte Alignment = 0b100001;

    /// <summary>A debug exception; of a data access, a watchpoint.</summary>
    public const byte Debug = 0b100010;
}

/// <summary>Why an access cannot be done.</summary>
public struct MmuFault
{
    /// <summary>The virtual address that faults: FAR.</summary>
    public ulong Address;

    /// <summary>ISS.DFSC or IFSC of a stage-1 fault.</summary>
    public byte Status;

    /// <summary>Stage 1 succeeded but <see cref="Ipa"/> is not RAM: a stage-2 fault, for the hypervisor.</summary>
    public bool OutsideRam;

    /// <summary>The intermediate physical address of an access outside RAM.</summary>
    public ulong Ipa;

    /// <summary>ISS.WnR of a data access.</summary>
    public bool IsWrite;
}
