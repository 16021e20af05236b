using System.Globalization;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>An operand field: its pieces from the high part to the low.</summary>
internal sealed record RowField(string Name, (int Shift, int Width)[] Parts)
{
    public uint Extract(uint word)
    {
        var value = 0u;
        foreach (var (shift, width) in Parts)
            value = (value << width) | ((word >> shift) & (uint)((1ul << width) - 1));
        return value;
    }

    public uint Insert(uint word, uint value)
    {
        for (var i = Parts.Length - 1; i >= 0; i--)
        {
            var (shift, width) = Parts[i];
            var mask = (uint)((1ul << width) - 1);
            word = (word & ~(mask << shift)) | ((value & mask) << shift);
            value = width == 32 ? 0 : value >> width;
        }

        return word;
    }
}

/// <summary>A row's fields, parsed from <see cref="OpcodeInfo.FieldList"/>.</summary>
internal sealed record RowFields(RowField[] All)
{
    public static RowFields Parse(OpcodeInfo row)
    {
        var fields = new List<RowField>();
        foreach (var text in row.FieldList.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var halves = text.TrimStart('-').Split('=');
            var parts = halves[1].Split('+').Select(part => part.Split(':')).Select(numbers => (Number(numbers[0]), Number(numbers[1])));
            fields.Add(new RowField(halves[0], parts.ToArray()));
        }

        return new RowFields(fields.ToArray());
    }

    public RowField? Find(string name) => Array.Find(All, field => field.Name == name);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
