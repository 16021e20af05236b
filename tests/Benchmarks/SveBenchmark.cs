using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>
/// SVE kernels at several vector lengths in our engine and in QEMU's user-mode emulator, which is what people without SVE hardware have
/// otherwise: the same object code on bare metal and as a Linux process. Each emulator gets several turns, because the machine may be
/// busy with other things, and both must compute the same.
/// </summary>
internal static class SveBenchmark
{
    private const int Rounds = 4;

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("cloudvm-sve-").FullName;
        try
        {
            (string metal, string linux) = await CompileAsync(folder, cancellationToken);
            Dictionary<Point, Timing> ours = [];
            Dictionary<Point, Timing> qemu = [];
            for (int round = 0; round < Rounds; round++)
            {
                Merge(ours, await BareProgram.RunAsync(
                    BareProgram.Hypervisor(), ["run", "--kernel", metal, "--memory", "128", "--profile", "max-pow2"], cancellationToken));
                Merge(qemu, await BareProgram.RunAsync(
                    "qemu-aarch64", ["-cpu", "max,sve-max-vq=16,sve-default-vector-length=256", linux], cancellationToken));
            }

            Print(ours, qemu);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(string Metal, string Linux)> CompileAsync(string folder, CancellationToken cancellationToken)
    {
        const string architecture = "armv8.2-a+sve";
        string source = BareProgram.Sources("SveGuest");
        string engine = BareProgram.Sources("EngineGuest");
        string metal = Path.Combine(folder, "metal.elf");
        string linux = Path.Combine(folder, "linux.elf");
        string[] shared = [Path.Combine(source, "kernels.c"), Path.Combine(source, "main.c")];
        await BareProgram.CompileAsync(
            metal,
            architecture,
            Path.Combine(engine, "guest.lds"),
            [Path.Combine(engine, "start.S"), .. shared, Path.Combine(source, "metal.c")],
            cancellationToken);
        await BareProgram.CompileAsync(linux, architecture, null, [.. shared, Path.Combine(source, "linux.c")], cancellationToken);
        return (metal, linux);
    }

    private static void Print(Dictionary<Point, Timing> ours, Dictionary<Point, Timing> qemu)
    {
        if (ours.Count == 0 || !ours.Keys.ToHashSet().SetEquals(qemu.Keys))
            throw new InvalidOperationException("The two emulators did not run the same kernels.");
        Console.WriteLine($"Best of {Rounds} turns each, microseconds for one call. A ratio below 1: ours is faster.");
        Console.WriteLine($"{"VL",6}  {"kernel",-12}{"ours, us",12}{"QEMU, us",12}{"ours / QEMU",14}");
        foreach (IGrouping<int, Point> length in ours.Keys.GroupBy(point => point.Bits).OrderBy(group => group.Key))
        {
            double product = 1;
            foreach (Point point in length)
            {
                if (ours[point].Result != qemu[point].Result)
                    throw new InvalidOperationException($"{point.Kernel} at {point.Bits} bits: ours computed {ours[point].Result}, QEMU {qemu[point].Result}.");
                double ratio = ours[point].Microseconds / qemu[point].Microseconds;
                product *= ratio;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{point.Bits,6}  {point.Kernel,-12}{ours[point].Microseconds,12:F2}{qemu[point].Microseconds,12:F2}{ratio,14:F2}"));
            }

            double mean = Math.Pow(product, 1.0 / length.Count());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{length.Key,6}  {"geometric mean",-36}{mean,14:F2}"));
        }
    }

    /// <summary>Lines of kernel, bits, calls, ticks, frequency and result; keeps the better of two timings.</summary>
    private static void Merge(Dictionary<Point, Timing> timings, string output)
    {
        foreach (string[] words in output.Split('\n').Select(line => line.TrimEnd('\r').Split(' ')).Where(words => words.Length == 6))
        {
            double[] numbers = [.. words[1..5].Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
            Point point = new(words[0], (int)numbers[0]);
            Timing timing = new(numbers[2] / numbers[3] / numbers[1] * 1e6, words[5]);
            if (!timings.TryGetValue(point, out Timing best))
                timings[point] = timing;
            else if (best.Result != timing.Result)
                throw new InvalidOperationException($"{point.Kernel} at {point.Bits} bits computed {best.Result} and then {timing.Result}.");
            else if (timing.Microseconds < best.Microseconds)
                timings[point] = timing;
        }
    }

    private readonly record struct Point(string Kernel, int Bits);

    /// <param name="Microseconds">One call.</param>
    /// <param name="Result">A checksum.</param>
    private readonly record struct Timing(double Microseconds, string Result);
}
