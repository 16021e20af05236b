using System.Text.RegularExpressions;

namespace CloudVm.Architecture.Tests;

/// <summary>Rules that hold for the text of every file.</summary>
public sealed partial class SourceTextTests(ITestOutputHelper output)
{
    private const int SoftLimit = 400;
    private const int HardLimit = 700;

    /// <summary>The rules below are spelled out here, so this file alone may contain what they ban.</summary>
    private const string ThisFile = "tests/Architecture.Tests/SourceTextTests.cs";

    private static readonly string[] CodeEnds = [".cs", ".razor", ".css", ".js", ".mjs", ".c", ".h", ".S", ".sh", ".sql", ".decode"];

    [Fact]
    public void Nothing_is_left_to_be_done_and_no_machine_is_named()
    {
        var findings =
            from path in SourceFiles.All
            where path != ThisFile
            from line in Lines(path)
            let match = Banned().Match(line.Text)
            where match.Success
            select $"{path}:{line.Number}: {match.Value}";

        Findings.AssertNone(findings);
    }

    [Fact]
    public void Tests_neither_skip_nor_sleep()
    {
        var findings =
            from path in SourceFiles.All
            where path.StartsWith("tests/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal) && path != ThisFile
            from line in Lines(path)
            let match = BannedInTests().Match(line.Text)
            where match.Success
            select $"{path}:{line.Number}: {match.Value}";

        Findings.AssertNone(findings);
    }

    /// <summary>400 lines is where a file asks to be split; tables of encodings and style sheets may go beyond, nothing past 700.</summary>
    [Fact]
    public void Files_stay_short()
    {
        var lengths = SourceFiles.All
            .Where(path => CodeEnds.Contains(Path.GetExtension(path)))
            .Select(path => (Path: path, Lines: Lines(path).Count()))
            .Where(file => file.Lines > SoftLimit)
            .OrderByDescending(file => file.Lines)
            .ToList();

        foreach (var file in lengths)
            output.WriteLine($"{file.Lines,5} {file.Path}");
        Findings.AssertNone(lengths.Where(file => file.Lines >= HardLimit).Select(file => $"{file.Path}: {file.Lines} lines"));
    }

    /// <summary>A folder is a namespace, so the layer rules on namespaces are rules on folders.</summary>
    [Fact]
    public void Namespaces_follow_folders()
    {
        var findings =
            from path in SourceFiles.All
            where path.StartsWith("src/", StringComparison.Ordinal) && path.EndsWith(".cs", StringComparison.Ordinal)
            let declared = NamespaceDeclaration().Match(SourceFiles.Read(path))
            where declared.Success
            let parts = Path.GetDirectoryName(path)!.Replace('\\', '/').Split('/')[1..]
            let expected = "CloudVm." + string.Join('.', parts)
            where declared.Groups[1].Value != expected && !IsNestedByDesign(path, declared.Groups[1].Value)
            select $"{path}: {declared.Groups[1].Value}, expected {expected}";

        Findings.AssertNone(findings);
    }

    /// <summary>Below a layer a folder may group files without being a namespace of its own (<c>Devices/Pl011</c>, <c>Execute/Elements</c>).</summary>
    private static bool IsNestedByDesign(string path, string declared)
    {
        var layer = path.Split('/');
        return layer.Length > 4 && declared == $"CloudVm.{layer[1]}.{layer[2]}";
    }

    private static IEnumerable<(int Number, string Text)> Lines(string path) =>
        SourceFiles.Read(path).TrimEnd('\n').Split('\n').Select((text, index) => (index + 1, text));

    [GeneratedRegex(@"/work/|/root/(?!\.)|\bTODO\b|\bFIXME\b|\bHACK\b|\bXXX\b|\b[Ii]ssue \d|\b[Nn]ot implemented yet\b|^\s*#region")]
    private static partial Regex Banned();

    [GeneratedRegex(@"\bSkip\s*=|\bAssert\.Skip|\bThread\.Sleep\(")]
    private static partial Regex BannedInTests();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();
}
