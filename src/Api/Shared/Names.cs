using System.Text.RegularExpressions;
using CloudVm.Contracts;

namespace CloudVm.Api.Shared;

/// <summary>What names of resources look like.</summary>
internal static partial class Names
{
    public static string Rule { get; } =
        $"A name has letters, digits, '.', '_' and '-', begins with a letter or digit, and has at most {VmLimits.MaxNameLength} characters.";

    public static bool IsValid(string name) => Pattern().IsMatch(name);

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pattern();
}
