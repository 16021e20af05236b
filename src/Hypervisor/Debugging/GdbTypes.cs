using System.Globalization;
using System.Text;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>XML of register types in a target description. Views of a vector have the names that gdb's own descriptions give them.</summary>
internal static class GdbTypes
{
    /// <summary>PSTATE as SPSR_EL1 lays it out.</summary>
    public const string CpsrFlags = """
        <flags id="cpsr_flags" size="4">
        <field name="SP" start="0" end="0"/><field name="EL" start="2" end="3"/><field name="nRW" start="4" end="4"/>
        <field name="F" start="6" end="6"/><field name="I" start="7" end="7"/><field name="A" start="8" end="8"/><field name="D" start="9" end="9"/>
        <field name="BTYPE" start="10" end="11"/><field name="SSBS" start="12" end="12"/><field name="IL" start="20" end="20"/>
        <field name="SS" start="21" end="21"/><field name="PAN" start="22" end="22"/><field name="UAO" start="23" end="23"/>
        <field name="DIT" start="24" end="24"/><field name="TCO" start="25" end="25"/>
        <field name="V" start="28" end="28"/><field name="C" start="29" end="29"/><field name="Z" start="30" end="30"/><field name="N" start="31" end="31"/>
        </flags>

        """;

    private static readonly (char Name, int Bytes, (char View, string Type)[] Views)[] Elements =
    [
        ('q', 16, [('u', "uint128"), ('s', "int128")]),
        ('d', 8, [('f', "ieee_double"), ('u', "uint64"), ('s', "int64")]),
        ('s', 4, [('f', "ieee_single"), ('u', "uint32"), ('s', "int32")]),
        ('h', 2, [('f', "ieee_half"), ('u', "uint16"), ('s', "int16")]),
        ('b', 1, [('u', "uint8"), ('s', "int8")]),
    ];

    /// <summary>A union <paramref name="id"/> of views by element size, each a union of views by element type.</summary>
    /// <param name="vq">Length in quadwords.</param>
    public static string Vectors(string id, int vq)
    {
        var xml = new StringBuilder();
        foreach (var (name, bytes, views) in Elements)
        {
            foreach (var (view, type) in views)
                xml.Append(CultureInfo.InvariantCulture, $"<vector id=\"{id}{name}{view}\" type=\"{type}\" count=\"{vq * 16 / bytes}\"/>\n");
        }

        foreach (var (name, _, views) in Elements)
        {
            xml.Append(CultureInfo.InvariantCulture, $"<union id=\"{id}n{name}\">");
            foreach (var (view, _) in views)
                xml.Append(CultureInfo.InvariantCulture, $"<field name=\"{view}\" type=\"{id}{name}{view}\"/>");
            xml.Append("</union>\n");
        }

        xml.Append(CultureInfo.InvariantCulture, $"<union id=\"{id}\">");
        foreach (var (name, _, _) in Elements)
            xml.Append(CultureInfo.InvariantCulture, $"<field name=\"{name}\" type=\"{id}n{name}\"/>");
        return xml.Append("</union>\n").ToString();
    }

    /// <summary>The type <c>svep</c>: a bit per byte of a vector.</summary>
    public static string Predicate(int vq) =>
        string.Create(CultureInfo.InvariantCulture, $"<vector id=\"svep\" type=\"uint8\" count=\"{vq * 2}\"/>\n");
}
