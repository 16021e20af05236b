using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace CloudVm.Hypervisor.Generators;

/// <summary>
/// Turns the <c>.decode</c> tables of the compilation (see <see cref="DecodeParser"/> for the syntax) into opcodes, a decoder, field
/// accessors and the handler table. A malformed row, a duplicate name or an ambiguous overlap fails the build; so does a row whose
/// method <c>Interpreter</c> lacks, because the handler table takes its address.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class DecodeTableGenerator : IIncrementalGenerator
{
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var tables = context.AdditionalTextsProvider
            .Where(static file => file.Path.EndsWith(".decode", StringComparison.Ordinal))
            .Select(static (file, cancellation) => (file.Path, Text: file.GetText(cancellation)?.ToString() ?? ""))
            .Collect();
        context.RegisterSourceOutput(tables, Generate);
    }

    private static void Generate(SourceProductionContext context, ImmutableArray<(string Path, string Text)> tables)
    {
        if (tables.IsEmpty)
            return;

        var rows = new List<DecodeRow>();
        var names = new Dictionary<string, DecodeRow>(StringComparer.Ordinal);
        foreach (var (path, text) in tables.OrderBy(table => table.Path, StringComparer.Ordinal))
        {
            foreach (var row in DecodeParser.Parse(path, text, context.ReportDiagnostic))
            {
                if (names.TryGetValue(row.Name, out var other))
                {
                    context.ReportDiagnostic(Diagnostic.Create(Diagnostics.Duplicate, row.Location, row.Name, other.Group));
                    continue;
                }

                names.Add(row.Name, row);
                rows.Add(row);
                row.Opcode = rows.Count;
            }
        }

        var tree = DecodeTree.Build(rows);
        var reported = new HashSet<long>();
        foreach (var leaf in tree.Leaves)
            OverlapChecker.Check(leaf, reported, context.ReportDiagnostic);

        Add(context, "Opcodes.g.cs", DecodeEmitter.Opcodes(rows));
        Add(context, "Decoder.g.cs", DecodeEmitter.Decoder(rows, tree));
        Add(context, "Fields.g.cs", DecodeEmitter.Fields(rows));
        Add(context, "HandlerTable.g.cs", DecodeEmitter.Handlers(rows));
    }

    private static void Add(SourceProductionContext context, string name, string text) =>
        context.AddSource(name, SourceText.From(text, Encoding.UTF8));
}
