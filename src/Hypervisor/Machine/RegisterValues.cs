namespace CloudVm.Hypervisor.Machine;

/// <summary>Register values as people write them: numbers, or bytes in memory order.</summary>
/// <remarks>Thread: any.</remarks>
internal static class RegisterValues
{
    /// <summary>The bytes of a value, least significant first, as many as the register has.</summary>
    /// <param name="text"><c>0x</c> and hexadecimal digits, most significant first, or an even number of hexadecimal digits as bytes.</param>
    /// <param name="size">Bytes of the register.</param>
    /// <param name="mayBeShorter">Whether fewer bytes will do, the rest being zero.</param>
    /// <param name="fault">Why there is no value; it continues a sentence that begins with the register's name.</param>
    public static byte[]? Parse(string text, int size, bool mayBeShorter, out string? fault)
    {
        fault = null;
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ParseNumber(text[2..], size, out fault);
        if (text.Length % 2 != 0 || text.Length == 0 || !IsHex(text))
        {
            fault = $"takes 0x and hexadecimal digits, or {size} hexadecimal bytes with the least significant first.";
            return null;
        }

        var given = text.Length / 2;
        if (given > size || (given < size && !mayBeShorter))
        {
            fault = $"has {size} bytes, not {given}.";
            return null;
        }

        var value = new byte[size];
        Convert.FromHexString(text).CopyTo(value, 0);
        return value;
    }

    private static byte[]? ParseNumber(string digits, int size, out string? fault)
    {
        fault = null;
        if (digits.Length == 0 || !IsHex(digits))
        {
            fault = "takes hexadecimal digits after 0x.";
            return null;
        }

        var significant = digits.TrimStart('0');
        if (significant.Length > size * 2)
        {
            fault = $"has {size * 8} bits, and the number needs more.";
            return null;
        }

        var value = Convert.FromHexString(significant.PadLeft(size * 2, '0'));
        Array.Reverse(value);
        return value;
    }

    private static bool IsHex(string text) => text.AsSpan().IndexOfAnyExcept("0123456789abcdefABCDEF") < 0;
}
