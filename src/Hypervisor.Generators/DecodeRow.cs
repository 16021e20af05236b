using System.Collections.Generic;
using Microsoft.CodeAnalysis;

namespace CloudVm.Hypervisor.Generators;

/// <summary>One contiguous piece of a field: <c>Width</c> bits of the instruction word starting at bit <c>Shift</c>.</summary>
internal readonly struct FieldPart
{
    public FieldPart(int shift, int width)
    {
        Shift = shift;
        Width = width;
    }

    public int Shift { get; }

    public int Width { get; }
}

/// <summary>A named operand field. Parts are listed from the most significant to the least significant.</summary>
internal sealed class DecodeField
{
    public DecodeField(string name) => Name = name;

    public string Name { get; }

    public bool Signed { get; set; }

    public List<FieldPart> Parts { get; } = new();

    public int Width
    {
        get
        {
            var width = 0;
            foreach (var part in Parts)
                width += part.Width;
            return width;
        }
    }

    /// <summary>The bits of the instruction word that this field occupies.</summary>
    public uint WordMask
    {
        get
        {
            uint mask = 0;
            foreach (var part in Parts)
                mask |= Bits.Ones(part.Width) << part.Shift;
            return mask;
        }
    }

    /// <summary>The field's value in <paramref name="word"/>, unsigned.</summary>
    public uint Extract(uint word)
    {
        uint value = 0;
        foreach (var part in Parts)
            value = (value << part.Width) | ((word >> part.Shift) & Bits.Ones(part.Width));
        return value;
    }

    /// <summary>The instruction-word bits that hold <paramref name="value"/> in this field.</summary>
    public uint Insert(uint value)
    {
        uint word = 0;
        for (var i = Parts.Count - 1; i >= 0; i--)
        {
            word |= (value & Bits.Ones(Parts[i].Width)) << Parts[i].Shift;
            value = Parts[i].Width == 32 ? 0 : value >> Parts[i].Width;
        }

        return word;
    }
}

/// <summary>A condition on one field that no pattern of fixed bits expresses, such as <c>imm4!=0</c>.</summary>
internal sealed class DecodeConstraint
{
    public DecodeConstraint(DecodeField field, string comparison, uint value)
    {
        Field = field;
        Comparison = comparison;
        Value = value;
    }

    public DecodeField Field { get; }

    /// <summary>One of <c>!= &lt; &lt;= &gt; &gt;=</c>; equality is folded into the row's fixed bits.</summary>
    public string Comparison { get; }

    public uint Value { get; }

    public bool Holds(uint word)
    {
        var field = Field.Extract(word);
        return Comparison switch
        {
            "!=" => field != Value,
            "<" => field < Value,
            "<=" => field <= Value,
            ">" => field > Value,
            _ => field >= Value,
        };
    }

    public override string ToString() => Field.Name + Comparison + Value;
}

/// <summary>One encoding: a line of a <c>.decode</c> table.</summary>
internal sealed class DecodeRow
{
    public DecodeRow(string name, string feature, string group, Location location)
    {
        Name = name;
        Feature = feature;
        Method = name;
        Group = group;
        Location = location;
    }

    public string Name { get; }

    public string Feature { get; }

    public string Method { get; set; }

    /// <summary>The table's file name without extension.</summary>
    public string Group { get; }

    public Location Location { get; }

    public uint Mask { get; set; }

    public uint Value { get; set; }

    public List<DecodeField> Fields { get; } = new();

    public List<DecodeConstraint> Constraints { get; } = new();

    /// <summary>Position in the tables, from 1; 0 means UNALLOCATED.</summary>
    public int Opcode { get; set; }
}
