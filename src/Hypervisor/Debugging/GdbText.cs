using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>How the GDB remote protocol writes numbers and bytes.</summary>
internal static class GdbText
{
    private const byte EscapeMark = (byte)'}';
    private const byte EscapeFlip = 0x20;

    /// <summary>The value of a hexadecimal digit, or -1.</summary>
    public static int HexDigit(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => value - '0',
        >= (byte)'a' and <= (byte)'f' => value - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => value - 'A' + 10,
        _ => -1,
    };

    /// <summary>A big-endian hexadecimal number that fills <paramref name="text"/>; false when it is empty, too large or something else.</summary>
    public static bool TryParseHex(ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        if (text.IsEmpty)
            return false;
        foreach (var digit in text)
        {
            var nibble = HexDigit(digit);
            if (nibble < 0 || value >> 60 != 0)
                return false;
            value = (value << 4) | (uint)nibble;
        }

        return true;
    }

    /// <summary>As <see cref="TryParseHex(ReadOnlySpan{byte}, out ulong)"/>, for a count or size.</summary>
    public static bool TryParseHex(ReadOnlySpan<byte> text, out int value)
    {
        var parsed = TryParseHex(text, out ulong wide) && wide <= int.MaxValue;
        value = parsed ? (int)wide : 0;
        return parsed;
    }

    /// <summary>Two digits per byte; null when there is anything else.</summary>
    public static byte[]? ParseBytes(ReadOnlySpan<byte> text)
    {
        if ((text.Length & 1) != 0)
            return null;
        var bytes = new byte[text.Length / 2];
        for (var i = 0; i < bytes.Length; i++)
        {
            var high = HexDigit(text[2 * i]);
            var low = HexDigit(text[(2 * i) + 1]);
            if ((high | low) < 0)
                return null;
            bytes[i] = (byte)((high << 4) | low);
        }

        return bytes;
    }

    public static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    public static string Hex(ulong value) => value.ToString("x", CultureInfo.InvariantCulture);

    public static string Hex(string text) => Hex(Encoding.UTF8.GetBytes(text));

    /// <summary>The part before the first <paramref name="separator"/>; <paramref name="text"/> becomes what follows it, or empty.</summary>
    public static ReadOnlySpan<byte> Cut(ref ReadOnlySpan<byte> text, char separator)
    {
        var at = text.IndexOf((byte)separator);
        var first = at < 0 ? text : text[..at];
        text = at < 0 ? default : text[(at + 1)..];
        return first;
    }

    /// <summary>Undoes the escapes of binary data; null when the data ends within one.</summary>
    public static byte[]? Unescape(ReadOnlySpan<byte> data)
    {
        var bytes = new List<byte>(data.Length);
        for (var i = 0; i < data.Length; i++)
        {
            if (data[i] != EscapeMark)
                bytes.Add(data[i]);
            else if (++i < data.Length)
                bytes.Add((byte)(data[i] ^ EscapeFlip));
            else
                return null;
        }

        return [.. bytes];
    }

    /// <summary>Escapes what has a meaning in the protocol: <c># $ } *</c>.</summary>
    public static byte[] Escape(ReadOnlySpan<byte> data)
    {
        var bytes = new List<byte>(data.Length + 16);
        foreach (var value in data)
        {
            if (value is (byte)'#' or (byte)'$' or EscapeMark or (byte)'*')
            {
                bytes.Add(EscapeMark);
                bytes.Add((byte)(value ^ EscapeFlip));
            }
            else
            {
                bytes.Add(value);
            }
        }

        return [.. bytes];
    }

    /// <summary><c>$data#checksum</c> around data that is escaped already.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> data)
    {
        var frame = new byte[data.Length + 4];
        frame[0] = (byte)'$';
        data.CopyTo(frame.AsSpan(1));
        frame[^3] = (byte)'#';
        byte sum = 0;
        foreach (var value in data)
            sum += value;
        Utf8Formatter.TryFormat(sum, frame.AsSpan(frame.Length - 2), out _, new System.Buffers.StandardFormat('x', 2));
        return frame;
    }
}
