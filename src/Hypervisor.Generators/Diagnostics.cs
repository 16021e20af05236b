using Microsoft.CodeAnalysis;

namespace CloudVm.Hypervisor.Generators;

internal static class Diagnostics
{
    private const string Category = "DecodeTables";

    public static readonly DiagnosticDescriptor Syntax = Error("CVD001", "Malformed decode row", "{0}");

    public static readonly DiagnosticDescriptor Width = Error("CVD002", "Decode row is not 32 bits", "Row {0} describes {1} bits, not 32");

    public static readonly DiagnosticDescriptor Duplicate = Error("CVD003", "Duplicate decode row", "Encoding {0} is already defined in {1}");

    public static readonly DiagnosticDescriptor Overlap = Error(
        "CVD004", "Ambiguous decode rows", "Rows {0} and {1} both match word 0x{2} and neither is more specific; fix more bits or add a constraint");

    private static DiagnosticDescriptor Error(string id, string title, string message) =>
        new(id, title, message, Category, DiagnosticSeverity.Error, isEnabledByDefault: true);
}
