using System.Buffers.Binary;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>Operands that are likely to show a mistake: limits, special floating-point numbers, small numbers, noise.</summary>
internal static class OperandValues
{
    /// <summary>Number of styles of <see cref="Fill"/>.</summary>
    public const int Styles = 6;

    /// <summary>A general-purpose register's value.</summary>
    public static ulong General(CaseRandom random) => random.Below(8) switch
    {
        0 or 1 => (ulong)random.Below(80),
        2 => 0 - (ulong)random.Below(80),
        3 => (uint)random.Next(),
        4 => Boundary(random, 64),
        5 => Boundary(random, 32),
        _ => random.Next(),
    };

    /// <summary>An integer next to a power of two or a limit of the width.</summary>
    public static ulong Boundary(CaseRandom random, int width)
    {
        var value = 1ul << random.Below(width);
        value = random.Below(4) switch
        {
            0 => value,
            1 => value - 1,
            2 => 0 - value,
            _ => value + 1,
        };
        return width == 64 ? value : value & ((1ul << width) - 1);
    }

    /// <summary>Fills a vector register in one style, with elements of a width in bits.</summary>
    public static void Fill(Span<byte> register, int width, int style, CaseRandom random)
    {
        for (var at = 0; at < register.Length; at += width / 8)
        {
            ulong value = style switch
            {
                0 => random.Next(),
                1 => random.OneIn(4) ? random.Next() : FloatingPoint(random, width),
                2 => FloatingPoint(random, width),
                3 => (ulong)(random.Below(33) - 16),
                4 => random.OneIn(3) ? Boundary(random, width) : Extreme(random, width),
                _ => 0,
            };
            Write(register[at..], width, value);
        }
    }

    /// <summary>Fills a register with BFloat16 numbers: the upper halves of singles.</summary>
    public static void FillBFloat16(Span<byte> register, CaseRandom random)
    {
        for (var at = 0; at < register.Length; at += 2)
            Write(register[at..], 16, FloatingPoint(random, 32) >> 16);
    }

    private static ulong Extreme(CaseRandom random, int width) => random.Below(5) switch
    {
        0 => 0,
        1 => ulong.MaxValue,
        2 => 1ul << (width - 1),
        3 => (1ul << (width - 1)) - 1,
        _ => 1,
    };

    private static void Write(Span<byte> at, int width, ulong value)
    {
        switch (width)
        {
            case 8: at[0] = (byte)value; break;
            case 16: BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)value); break;
            case 32: BinaryPrimitives.WriteUInt32LittleEndian(at, (uint)value); break;
            default: BinaryPrimitives.WriteUInt64LittleEndian(at, value); break;
        }
    }

    /// <summary>Raw bits of a floating-point number of a width; bytes have no format and get noise.</summary>
    public static ulong FloatingPoint(CaseRandom random, int width)
    {
        var (exponentBits, fractionBits) = width switch
        {
            16 => (5, 10),
            32 => (8, 23),
            64 => (11, 52),
            _ => (0, 0),
        };
        if (exponentBits == 0)
            return random.Next();

        var bias = (1 << (exponentBits - 1)) - 1;
        var topExponent = (1 << exponentBits) - 1;
        var fractionMask = (1ul << fractionBits) - 1;
        var sign = random.Next() & 1;
        int exponent;
        ulong fraction;
        switch (random.Below(12))
        {
            case 0: // zero
                (exponent, fraction) = (0, 0);
                break;
            case 1: // denormal
                (exponent, fraction) = (0, random.OneIn(2) ? (ulong)random.Below(4) : random.Next());
                break;
            case 2: // at the border of the denormals
                (exponent, fraction) = (random.Below(3), random.OneIn(2) ? 0 : fractionMask);
                break;
            case 3: // infinity or the largest numbers
                (exponent, fraction) = random.OneIn(2) ? (topExponent, 0) : (topExponent - 1, fractionMask);
                break;
            case 4: // quiet NaN
                (exponent, fraction) = (topExponent, (1ul << (fractionBits - 1)) | (random.Next() >> 1));
                break;
            case 5: // signalling NaN
                (exponent, fraction) = (topExponent, ((random.Next() & fractionMask) >> 1) | 1);
                break;
            case 6 or 7: // small integers and halves
                exponent = bias + random.Below(6) - 1;
                fraction = random.Next() & ~(fractionMask >> random.Below(5));
                break;
            case 8: // near the ranges of integers
                exponent = Math.Min(bias + random.Pick([30, 31, 32, 62, 63, 64]), topExponent - 1);
                fraction = random.OneIn(2) ? 0 : random.Next();
                break;
            default:
                exponent = bias + random.Below(9) - 4;
                fraction = random.Next();
                break;
        }

        return (sign << (width - 1)) | ((ulong)exponent << fractionBits) | (fraction & fractionMask);
    }

    /// <summary>A predicate: all, none, noise, sparse, alternating, or the first so many elements.</summary>
    public static void FillPredicate(Span<byte> predicate, CaseRandom random)
    {
        var style = random.Below(8);
        switch (style)
        {
            case 0 or 1:
                predicate.Fill(0xFF);
                return;
            case 2:
                predicate.Clear();
                return;
            case 3:
                predicate.Fill(0x11);
                return;
            case 4:
                FillPrefix(predicate, random.Below((predicate.Length * 8) + 1));
                return;
        }

        for (var i = 0; i < predicate.Length; i += 2)
        {
            var noise = random.Next();
            if (style == 5)
                noise &= (noise >> 16) & (noise >> 32);
            BinaryPrimitives.WriteUInt16LittleEndian(predicate[i..], (ushort)noise);
        }
    }

    private static void FillPrefix(Span<byte> predicate, int bits)
    {
        predicate.Clear();
        predicate[..(bits / 8)].Fill(0xFF);
        if (bits % 8 != 0)
            predicate[bits / 8] = (byte)((1 << (bits % 8)) - 1);
    }
}
