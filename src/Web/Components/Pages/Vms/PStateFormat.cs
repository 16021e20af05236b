using System.Globalization;

namespace CloudVm.Web.Components.Pages.Vms;

/// <summary>Takes a PSTATE value, in the layout of SPSR_EL1, apart.</summary>
public static class PStateFormat
{
    private static readonly (string Name, int Bit, string Meaning)[] Flags =
    [
        ("N", 31, "Negative"),
        ("Z", 30, "Zero"),
        ("C", 29, "Carry"),
        ("V", 28, "Overflow"),
        ("DIT", 24, "Data-independent timing"),
        ("UAO", 23, "User access override"),
        ("PAN", 22, "Privileged access never"),
        ("SS", 21, "Software step"),
        ("IL", 20, "Illegal execution state"),
        ("SSBS", 12, "Speculative store bypass safe"),
        ("D", 9, "Debug exceptions masked"),
        ("A", 8, "SError masked"),
        ("I", 7, "IRQ masked"),
        ("F", 6, "FIQ masked"),
    ];

    /// <summary>Each flag with its value.</summary>
    public static IEnumerable<(string Name, bool Set, string Meaning)> FlagsOf(string pstate)
    {
        var value = Parse(pstate);
        return Flags.Select(f => (f.Name, (value >> f.Bit & 1) != 0, f.Meaning));
    }

    /// <summary>Exception level and stack pointer, such as <c>EL1h</c>.</summary>
    public static string ModeOf(string pstate)
    {
        var mode = Parse(pstate) & 0xf;
        return $"EL{mode >> 2}{((mode & 1) != 0 ? "h" : "t")}";
    }

    private static ulong Parse(string text) =>
        ulong.TryParse(text.AsSpan(text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? 2 : 0), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value)
            ? value
            : 0;
}
