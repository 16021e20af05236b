using System.Globalization;

namespace CloudVm.Hypervisor.Devices.Virtio.Net;

/// <summary>An Ethernet address of a card: six bytes, no multicast address.</summary>
public readonly record struct MacAddress
{
    private const int Length = 6;

    private readonly ulong _value;

    private MacAddress(ulong value) => _value = value;

    /// <summary>Reads <c>02:00:5e:10:00:01</c>; false for anything else, and for multicast and all-zero addresses.</summary>
    public static bool TryParse(string? text, out MacAddress address)
    {
        address = default;
        var parts = text?.Split(':');
        if (parts is not { Length: Length })
            return false;
        ulong value = 0;
        foreach (var part in parts)
        {
            if (part.Length != 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var octet))
                return false;
            value = (value << 8) | octet;
        }

        address = new MacAddress(value);
        return value != 0 && (value >> 40 & 1) == 0;
    }

    /// <summary>The locally administered address that belongs to a VM: the same at every start, different from other VMs'.</summary>
    public static MacAddress Of(Guid vmId)
    {
        var bytes = vmId.ToByteArray(bigEndian: true);
        ulong value = 0x02;
        foreach (var octet in bytes.AsSpan(^5..))
            value = (value << 8) | octet;
        return new MacAddress(value);
    }

    /// <summary>Writes the six bytes, the first one sent first.</summary>
    public void CopyTo(Span<byte> destination)
    {
        for (var i = 0; i < Length; i++)
            destination[i] = (byte)(_value >> (8 * (Length - 1 - i)));
    }

    public override string ToString()
    {
        var digits = _value.ToString("x12", CultureInfo.InvariantCulture);
        return string.Join(':', Enumerable.Range(0, Length).Select(i => digits.Substring(2 * i, 2)));
    }
}
