using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace CloudVm.Hypervisor.Conformance.Tests.Oracle;

/// <summary>What objdump makes of a word.</summary>
/// <param name="Text">The instruction without aliases, or <c>.inst …</c> where objdump knows none.</param>
internal readonly record struct Disassembly(string Text)
{
    public bool IsAllocated => !Text.StartsWith(".inst", StringComparison.Ordinal);

    /// <summary>objdump says that the instruction exists but that it cannot decode it: its own gap.</summary>
    public bool IsNotYetImplemented => Text.EndsWith("; NYI", StringComparison.Ordinal);

    public string Mnemonic => Text.Split(' ', 2)[0];

    /// <summary>The instruction without a comment, as the assembler reads it.</summary>
    public string Source => Text.Split("//")[0].TrimEnd();
}

/// <summary>GNU binutils for AArch64 as a second opinion on encodings.</summary>
internal static class Binutils
{
    private static readonly Lazy<string> InstalledVersion = new(() => QemuOracle.Execute("aarch64-linux-gnu-objdump", "--version").Split('\n')[0]);

    public static string Version => InstalledVersion.Value;

    /// <summary>Disassembles words with every extension that objdump knows.</summary>
    public static Disassembly[] Disassemble(IReadOnlyList<uint> words)
    {
        using var directory = new ScratchDirectory();
        var bytes = new byte[words.Count * 4];
        for (var i = 0; i < words.Count; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), words[i]);
        var file = directory.File("words.bin");
        File.WriteAllBytes(file, bytes);
        var listing = QemuOracle.Execute("aarch64-linux-gnu-objdump", "-D", "-z", "-b", "binary", "-m", "aarch64", "-M", "no-aliases", file);
        var result = new List<Disassembly>(words.Count);
        foreach (var line in listing.AsSpan().EnumerateLines())
        {
            // "     4c:<tab>91000421 <tab>add<tab>x1, x1, #0x1"
            var address = line.IndexOf(":\t");
            if (address < 0)
                continue;
            var rest = line[(address + 2)..];
            result.Add(new Disassembly(rest[(rest.IndexOf('\t') + 1)..].ToString().Replace('\t', ' ').TrimEnd()));
        }

        Assert.Equal(words.Count, result.Count);
        return result.ToArray();
    }

    /// <summary>Which of some instructions the assembler accepts for an architecture such as <c>armv8-a+sve</c>.</summary>
    public static bool[] Assembles(IReadOnlyList<string> instructions, string architecture)
    {
        using var directory = new ScratchDirectory();
        var source = directory.File("words.s");
        File.WriteAllText(source, new StringBuilder().AppendJoin('\n', instructions).Append('\n').ToString());
        var (_, errors) = QemuOracle.TryExecute("aarch64-linux-gnu-as", "-march=" + architecture, "-o", directory.File("words.o"), source);
        if (errors.Contains("unknown arch", StringComparison.Ordinal))
            throw new InvalidOperationException($"The assembler does not know {architecture}.");
        var accepted = new bool[instructions.Count];
        Array.Fill(accepted, true);
        foreach (var line in errors.Split('\n'))
        {
            // "/tmp/…/words.s:12: Error: selected processor does not support `…'"
            if (line.StartsWith(source, StringComparison.Ordinal) && line.Contains(" Error: ", StringComparison.Ordinal))
                accepted[int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture) - 1] = false;
        }

        return accepted;
    }

    private sealed class ScratchDirectory : IDisposable
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("cloudvm-binutils-");

        public string File(string name) => Path.Combine(_directory.FullName, name);

        public void Dispose() => _directory.Delete(recursive: true);
    }
}
