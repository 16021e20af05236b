using System.Diagnostics;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Conformance.Tests.Cases;

namespace CloudVm.Hypervisor.Conformance.Tests.Oracle;

/// <summary>Runs cases under <c>qemu-aarch64</c> through the program <c>oracle.c</c>, which is compiled on first use.</summary>
internal static class QemuOracle
{
    private const uint Magic = 0x314d5643;
    private static readonly Lazy<string> Program = new(Compile);

    /// <summary>The first line of <c>qemu-aarch64 --version</c>, or null when it is not installed.</summary>
    public static string? Version { get; } = ReadVersion();

    /// <summary>The states after each record's instruction. All records have one vector length.</summary>
    public static IReadOnlyList<MachineRecord> Run(IReadOnlyList<MachineRecord> inputs)
    {
        var vectorBytes = inputs[0].VectorBytes;
        var directory = Directory.CreateTempSubdirectory("cloudvm-oracle-");
        try
        {
            var input = Path.Combine(directory.FullName, "in");
            var output = Path.Combine(directory.FullName, "out");
            using (var file = File.Create(input))
            {
                Span<uint> header = [Magic, (uint)vectorBytes, (uint)inputs.Count, Layout.ScratchBytes];
                file.Write(MemoryMarshal.AsBytes(header));
                Span<ulong> addresses = [Layout.CodeBase, Layout.CodeBytes, Layout.Slot, Layout.ScratchBase];
                file.Write(MemoryMarshal.AsBytes(addresses));
                file.Write(Layout.PristineScratch());
                foreach (var record in inputs)
                    file.Write(record.Bytes);
            }

            Execute("qemu-aarch64", "-cpu", "max", Program.Value, input, output);
            var results = new List<MachineRecord>(inputs.Count);
            using var reader = File.OpenRead(output);
            for (var i = 0; i < inputs.Count; i++)
            {
                var record = MachineRecord.Create(vectorBytes);
                reader.ReadExactly(record.Bytes);
                record.Normalise();
                results.Add(record);
            }

            return results;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static string Compile()
    {
        var directory = Path.Combine(Path.GetTempPath(), "cloudvm-oracle-" + Environment.ProcessId);
        Directory.CreateDirectory(directory);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(directory, recursive: true);
        var program = Path.Combine(directory, "oracle");
        var source = Path.Combine(AppContext.BaseDirectory, "Oracle", "oracle.c");
        Execute("aarch64-linux-gnu-gcc", "-O2", "-static", "-Wall", "-Werror", "-o", program, source);
        return program;
    }

    private static string? ReadVersion()
    {
        try
        {
            return Execute("qemu-aarch64", "--version").Split('\n')[0];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Runs a program to its end and returns what it printed; throws when it fails.</summary>
    internal static string Execute(string program, params ReadOnlySpan<string> arguments)
    {
        var (text, errors, status) = Finish(program, arguments);
        return status == 0 ? text : throw new InvalidOperationException($"{program} failed with {status}: {errors}");
    }

    /// <summary>Runs a program to its end, whether it fails or not.</summary>
    internal static (string Output, string Errors) TryExecute(string program, params ReadOnlySpan<string> arguments)
    {
        var (text, errors, _) = Finish(program, arguments);
        return (text, errors);
    }

    private static (string Output, string Errors, int Status) Finish(string program, ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (text, errors.GetAwaiter().GetResult(), process.ExitCode);
    }
}
