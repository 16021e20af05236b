using System.Globalization;
using System.Text.RegularExpressions;

namespace CloudVm.Hypervisor.Conformance.Tests.Privileged;

/// <summary>One line of the guest: a case, and what it left.</summary>
internal sealed record GuestLine(string Case, IReadOnlyDictionary<string, ulong> Values)
{
    /// <summary>Reads <c>el0 all-ro str: v400 esr=9200004f far=…</c>. Null for comments.</summary>
    public static GuestLine? Parse(string line)
    {
        var halves = line.Split(": v", 2);
        if (halves.Length != 2)
            return null;
        var values = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var (name, value) in ("v=" + halves[1]).Split(' ').Select(part => part.Split('=')).Select(pair => (pair[0], pair[1])))
            values[name] = ulong.Parse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return new GuestLine(halves[0], values);
    }

    public ulong Value(string name) => Values.GetValueOrDefault(name);
}

/// <summary>A difference between qemu's and our EL1 that is meant.</summary>
/// <param name="Cases">Which cases.</param>
/// <param name="Reason">What the architecture says, or which choice it leaves.</param>
/// <param name="Applies">Whether a difference, of theirs and ours, is this one.</param>
internal sealed record PrivilegedException(Regex Cases, string Reason, Func<GuestLine, GuestLine, bool> Applies)
{
    private const ulong Brk = 0xf200_03ff;
    private const ulong AlignmentFault = 0x21;

    public static IReadOnlyList<PrivilegedException> All { get; } =
    [
        new(new("^bti .*(hlt|svc|udf|ldr) by "), "of an instruction's own exceptions only BRK's must have BTYPE in SPSR_EL1 (Unpredictable_ZEROBTYPE); ours have zero", (theirs, ours) => OnlyBits(theirs, ours, "spsr", 0xc00) && (ours.Value("spsr") & 0xc00) == 0),
        new(new("(offset|crossing)-1 (br|ret)$"), "a misaligned PC is reported before the fetch is translated; qemu translates first", (_, ours) => ours.Value("esr") == 0x8a00_0000),
        new(new("ha\\+hd (no-af|clean) (br|ret)$"), "a writable-clean page is writable at EL0, so EL1 cannot execute it; qemu asks AP alone", (_, ours) => ours.Value("esr") == 0x8600_000f),
        new(new(" (dc-c?i?vac|dc-civac|dc-cvau|ic-ivau)$"), "cache maintenance by address is translated; qemu ignores it", (theirs, _) => theirs.Value("esr") == Brk),
        new(new("non-cacheable at-"), "PAR_EL1.SH is Outer Shareable for Non-cacheable memory; qemu copies the descriptor", (theirs, ours) => OnlyBits(theirs, ours, "par", 0x180)),
        new(new("ha\\+hd .*at-s1e.wp?$"), "address translation does not make a page dirty; qemu's does", (theirs, ours) => OnlyBits(theirs, ours, "leaf", 0x80)),
        new(new(" smc$"), "SMC is trapped to the hypervisor, as KVM does; qemu has no EL2 and no EL3 here", (theirs, _) => theirs.Value("esr") >> 26 == 0),
        new(new("^el0 .*daif(set|clr)$"), "ISS of MSR (immediate) has Op2 in bits 19:17 and Op1 in 16:14; qemu exchanges them", (theirs, ours) => OnlyBits(theirs, ours, "esr", 0xfe000)),
        new(new("m[rs][sr]-(contextidr|spsr|esr)_el1$"), "bits 63:32 are RES0; qemu keeps them", (theirs, ours) => OnlyBits(theirs, ours, "x0", 0xffff_ffff_0000_0000)),
        new(new("-amair_el1$"), "its content is implementation defined; qemu has none", (theirs, ours) => OnlyBits(theirs, ours, "x0", ulong.MaxValue)),
        new(new("-fpcr$"), "Len and Stride are RES0 without AArch32", (theirs, ours) => OnlyBits(theirs, ours, "x0", 0x37_0000)),
        new(new("-fpsr$"), "NZCV are RES0 without AArch32", (theirs, ours) => OnlyBits(theirs, ours, "x0", 0xf000_0000)),
        new(new("^el1. m[rs][sr]-cntfrq_el0$"), "only the highest exception level writes it, which is EL1 in qemu and EL2 here", (_, ours) => ours.Value("esr") >> 26 == 0 || ours.Value("x0") != 0),
        new(new("^el0 mrs-mpidr_el1$"), "qemu's max CPU has FEAT_IDST", (theirs, ours) => theirs.Value("esr") >> 26 == 0x18 && ours.Value("esr") >> 26 == 0),
        new(new("-oslsr_el1$"), "the OS lock starts clear, as KVM resets it", (theirs, ours) => OnlyBits(theirs, ours, "x0", 2)),
        new(new(" stxr$"), "a store-exclusive that fails for its monitor may or may not report a fault; ours does", (theirs, ours) => theirs.Value("esr") == Brk && ours.Value("esr") >> 26 is 0x24 or 0x25),
        new(new(" stxr$"), "ExclusiveMonitorsPass translates for writing before it asks the monitor, so a failing store-exclusive updates the descriptor; qemu asks first", (theirs, ours) => OnlyBits(theirs, ours, "leaf", 0x480)),
        new(new("offset-\\d+ (ldar|stlr|ldxr|ldadd|cas)$"), "FEAT_LSE2 lets these be misaligned within 16 bytes; qemu 7.2 has no FEAT_LSE2", (theirs, ours) => FaultStatus(theirs) == AlignmentFault && FaultStatus(ours) != AlignmentFault),
        new(new("^misaligned-sp$"), "SCTLR_EL1.SA and SA0 are set; qemu does not check", (theirs, ours) => theirs.Value("esr") == Brk && ours.Value("esr") >> 26 == 0x26),
    ];

    /// <summary>DFSC of a data abort.</summary>
    private static ulong FaultStatus(GuestLine line) => line.Value("esr") & 0x3f;

    private static bool OnlyBits(GuestLine theirs, GuestLine ours, string name, ulong mask) =>
        theirs.Values.Keys.Union(ours.Values.Keys, StringComparer.Ordinal).All(key => ((theirs.Value(key) ^ ours.Value(key)) & ~(key == name ? mask : 0)) == 0);
}
