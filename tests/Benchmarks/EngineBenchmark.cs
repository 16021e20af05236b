using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>
/// Loops of a bare-metal guest in our engine and in QEMU, the same program in both. The guest times itself in windows of about 8 ms
/// and reports the best, and each emulator gets several turns, because the machine may be busy with other things.
/// </summary>
internal static class EngineBenchmark
{
    private const int Rounds = 4;
    private const double NanosecondsPerTick = 16;

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("cloudvm-engine-").FullName;
        try
        {
            string program = await CompileAsync(folder, cancellationToken);
            Dictionary<string, Timing> ours = new(StringComparer.Ordinal);
            Dictionary<string, Timing> qemu = new(StringComparer.Ordinal);
            List<string> names = [];
            for (int round = 0; round < Rounds; round++)
            {
                Merge(ours, names, await BareProgram.RunAsync(BareProgram.Hypervisor(), ["run", "--kernel", program, "--memory", "128"], cancellationToken));
                Merge(qemu, names, await BareProgram.RunAsync(
                    "qemu-system-aarch64",
                    ["-M", "virt", "-cpu", "max,pauth-impdef=on", "-m", "128", "-nographic", "-nic", "none", "-kernel", program],
                    cancellationToken));
            }

            Console.WriteLine($"Best of {Rounds} turns. A blank: how many instructions a loop takes is up to the compiler or the data.");
            Console.WriteLine($"{"loop",-16}{"ours, ns",12}{"MIPS",8}{"QEMU, ns",14}{"MIPS",8}{"ours / QEMU",14}");
            foreach (string name in names)
            {
                (double our, double their, int instructions) = (ours[name].Nanoseconds, qemu[name].Nanoseconds, ours[name].Instructions);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-16}{our,12:F1}{Mips(instructions, our),8}{their,14:F1}{Mips(instructions, their),8}{our / their,14:F2}"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Mips(int instructions, double nanoseconds) =>
        instructions == 0 ? string.Empty : (instructions * 1000 / nanoseconds).ToString("F0", CultureInfo.InvariantCulture);

    private static async Task<string> CompileAsync(string folder, CancellationToken cancellationToken)
    {
        string source = BareProgram.Sources("EngineGuest");
        string program = Path.Combine(folder, "engine.elf");
        await BareProgram.CompileAsync(
            program,
            "armv8.2-a",
            Path.Combine(source, "guest.lds"),
            new[] { "start.S", "kernels.S", "compiled.c", "main.c" }.Select(file => Path.Combine(source, file)),
            cancellationToken);
        return program;
    }

    /// <summary>Lines of name, instructions an iteration, iterations and ticks; keeps the better of two timings.</summary>
    private static void Merge(Dictionary<string, Timing> timings, List<string> names, string output)
    {
        foreach (string[] words in output.Split('\n').Select(line => line.TrimEnd('\r').Split(' ')).Where(words => words.Length == 4))
        {
            Timing timing = new(
                double.Parse(words[3], CultureInfo.InvariantCulture) * NanosecondsPerTick / double.Parse(words[2], CultureInfo.InvariantCulture),
                int.Parse(words[1], CultureInfo.InvariantCulture));
            if (!names.Contains(words[0]))
                names.Add(words[0]);
            if (!timings.TryGetValue(words[0], out Timing best) || timing.Nanoseconds < best.Nanoseconds)
                timings[words[0]] = timing;
        }
    }

    /// <param name="Nanoseconds">One iteration.</param>
    /// <param name="Instructions">In one iteration; 0 when unknown.</param>
    private readonly record struct Timing(double Nanoseconds, int Instructions);
}
