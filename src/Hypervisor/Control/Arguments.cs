using System.Globalization;

namespace CloudVm.Hypervisor.Control;

/// <summary>A command line cannot be understood.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Options of a command line, <c>--name value</c> or <c>--flag</c>. A parser library would cost a third of the start-up time.</summary>
internal sealed class Arguments(IEnumerable<string> arguments)
{
    private readonly List<string> _rest = [.. arguments];

    /// <summary>Takes an option with a value; null when it is absent.</summary>
    public string? Value(string name)
    {
        var at = _rest.IndexOf(name);
        if (at < 0)
            return null;
        if (at + 1 == _rest.Count)
            throw new UsageException($"{name} needs a value.");
        var value = _rest[at + 1];
        _rest.RemoveRange(at, 2);
        return value;
    }

    /// <summary>Takes an option with a value as often as it is there.</summary>
    public IReadOnlyList<string> Values(string name)
    {
        var values = new List<string>();
        while (Value(name) is { } value)
            values.Add(value);
        return values;
    }

    /// <summary>Takes an option with a value that must be there.</summary>
    public string Required(string name) => Value(name) ?? throw new UsageException($"{name} is missing.");

    public int Number(string name, int absent)
    {
        if (Value(name) is not { } text)
            return absent;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new UsageException($"{name} needs a number, not '{text}'.");
    }

    public bool Flag(string name) => _rest.Remove(name);

    /// <summary>
    /// Takes an option that may have one of some values behind it: null when it is absent, its first value when it stands alone. What is no
    /// such value is left for others.
    /// </summary>
    public string? Choice(string name, params ReadOnlySpan<string> values)
    {
        var at = _rest.IndexOf(name);
        if (at < 0)
            return null;
        var value = at + 1 < _rest.Count && values.Contains(_rest[at + 1]) ? _rest[at + 1] : null;
        _rest.RemoveRange(at, value is null ? 1 : 2);
        return value ?? values[0];
    }

    /// <summary>Refuses what nobody took.</summary>
    public void RefuseRest()
    {
        if (_rest.Count > 0)
            throw new UsageException($"'{_rest[0]}' is not understood.");
    }
}
