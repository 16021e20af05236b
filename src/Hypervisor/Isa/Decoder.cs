namespace CloudVm.Hypervisor.Isa;

/// <summary>Finds the encoding of an A64 instruction word. The tables are generated from <c>Isa/*.decode</c>.</summary>
public static partial class Decoder
{
    /// <summary>The most specific row that matches <paramref name="word"/>, whatever its feature; UNALLOCATED if none does.</summary>
    public static Opcode Decode(uint word)
    {
        var tree = Tree;
        var node = 0;
        do
        {
            var window = tree[node];
            var index = (word >> (window & 0xff)) & ((1u << (window >> 8)) - 1);
            node = tree[node + 1 + (int)index];
        }
        while (node >= 0);

        var candidates = Candidates;
        for (var i = ~node; candidates[i] != 0; i++)
        {
            int opcode = candidates[i];
            if ((word & Masks[opcode]) == Values[opcode] && (Constrained[opcode] == 0 || ConstraintsHold(opcode, word)))
                return (Opcode)opcode;
        }

        return Opcode.UNALLOCATED;
    }

    /// <summary>The feature that gates <paramref name="opcode"/>.</summary>
    public static Feature FeatureOf(Opcode opcode) => (Feature)Features[(int)opcode];

    private static partial bool ConstraintsHold(int opcode, uint w);
}
