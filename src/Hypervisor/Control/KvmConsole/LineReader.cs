using System.Text;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>Reads lines of bounded length; what is longer is skipped to its end and reported as too long.</summary>
internal sealed class LineReader(TextReader input)
{
    /// <summary>Longest line in characters: a register of 256 bytes and a register list fit many times.</summary>
    public const int MaxLength = 64 * 1024;

    private readonly char[] _buffer = new char[4096];
    private readonly StringBuilder _line = new();
    private int _count;
    private int _at;

    /// <summary>The next line without its end; null at the end of input. A last line without an end counts.</summary>
    public string? Read(out bool isTooLong)
    {
        isTooLong = false;
        _line.Clear();
        var any = false;
        while (Fill())
        {
            any = true;
            var rest = _buffer.AsSpan(_at, _count - _at);
            var end = rest.IndexOf('\n');
            var part = end < 0 ? rest : rest[..end];
            if (_line.Length + part.Length > MaxLength)
                isTooLong = true;
            else
                _line.Append(part);
            _at += part.Length + (end < 0 ? 0 : 1);
            if (end >= 0)
                break;
        }

        return any ? _line.ToString() : null;
    }

    private bool Fill()
    {
        if (_at < _count)
            return true;
        _at = 0;
        _count = input.Read(_buffer);
        return _count > 0;
    }
}
