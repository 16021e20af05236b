using System.Collections.Generic;
using System.Linq;

namespace CloudVm.Hypervisor.Generators;

/// <summary>
/// A decision tree over the fixed bits of all rows, flattened to two arrays. <see cref="Nodes"/> holds for each inner node
/// <c>shift | width &lt;&lt; 8</c> followed by 2^width children; a child that is not negative is the index of another node, a negative one
/// is the complement of an index into <see cref="Candidates"/>, where a zero-terminated list of opcodes is to be tried in order.
/// </summary>
internal sealed class DecodeTree
{
    private const int MaximumWindow = 8;
    private const int LeafSize = 2;

    private readonly Dictionary<string, int> _leaves = new();

    public List<int> Nodes { get; } = new();

    public List<int> Candidates { get; } = new();

    /// <summary>The rows of every distinct leaf: the only places where overlap is possible.</summary>
    public List<List<DecodeRow>> Leaves { get; } = new();

    public static DecodeTree Build(List<DecodeRow> rows)
    {
        var tree = new DecodeTree();
        var root = tree.Add(rows, 0);
        if (root < 0)
        {
            // A table that fits one leaf still starts with a node, so that decoding needs no special case.
            tree.Nodes.Add(0);
            tree.Nodes.Add(root);
        }

        return tree;
    }

    private int Add(List<DecodeRow> rows, uint used)
    {
        if (rows.Count <= LeafSize || !TryChooseWindow(rows, used, out var shift, out var width))
            return AddLeaf(rows);

        var index = Nodes.Count;
        var mask = Bits.Ones(width);
        Nodes.Add(shift | (width << 8));
        for (var i = 0; i <= mask; i++)
            Nodes.Add(0);
        for (uint value = 0; value <= mask; value++)
        {
            var word = value << shift;
            var matching = rows.Where(row => ((row.Value ^ word) & row.Mask & (mask << shift)) == 0).ToList();
            var child = Add(matching, used | (mask << shift));
            Nodes[index + 1 + (int)value] = child;
        }

        return index;
    }

    private int AddLeaf(List<DecodeRow> rows)
    {
        var ordered = rows.ToList();
        ordered.Sort(OverlapChecker.Compare);
        var key = string.Join(",", ordered.Select(row => row.Opcode));
        if (!_leaves.TryGetValue(key, out var leaf))
        {
            leaf = ~Candidates.Count;
            Candidates.AddRange(ordered.Select(row => row.Opcode));
            Candidates.Add(0);
            _leaves.Add(key, leaf);
            Leaves.Add(ordered);
        }

        return leaf;
    }

    private static bool TryChooseWindow(List<DecodeRow> rows, uint used, out int shift, out int width)
    {
        var common = rows.Aggregate(~used, (mask, row) => mask & row.Mask);
        shift = 0;
        width = 0;
        for (var start = 0; start < 32; start++)
        {
            var run = 0;
            while (run < MaximumWindow && start + run < 32 && ((common >> (start + run)) & 1) != 0)
                run++;
            if (run > width && Splits(rows, Bits.Ones(run) << start))
                (shift, width) = (start, run);
        }

        if (width != 0)
            return true;

        // No bit is fixed in every row: split on the bit that separates best, copying rows that leave it open to both sides.
        var best = rows.Count;
        for (var bit = 0; bit < 32; bit++)
        {
            var mask = 1u << bit;
            if ((used & mask) != 0)
                continue;
            var zeros = rows.Count(row => (row.Mask & mask) == 0 || (row.Value & mask) == 0);
            var ones = rows.Count(row => (row.Mask & mask) == 0 || (row.Value & mask) != 0);
            var worst = zeros > ones ? zeros : ones;
            if (worst < best)
                (best, shift, width) = (worst, bit, 1);
        }

        return width != 0;
    }

    private static bool Splits(List<DecodeRow> rows, uint mask) => rows.Any(row => ((row.Value ^ rows[0].Value) & mask) != 0);
}
