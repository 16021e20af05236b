namespace CloudVm.Architecture.Tests;

/// <summary>Assertions whose message names every finding, not the first few.</summary>
internal static class Findings
{
    public static void AssertNone(IEnumerable<string> findings)
    {
        var all = findings.Order(StringComparer.Ordinal).ToList();
        if (all.Count != 0)
            Assert.Fail($"{all.Count} finding(s):\n{string.Join('\n', all)}");
    }
}
