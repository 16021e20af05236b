using System.Text;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>
/// <c>kvm</c>: the interface of the emulated host's KVM, a call a line. Reads calls from standard input and answers each with one line on
/// standard output: <c>ok</c> and the result, or the errno's name, or <c>error:</c> and every reason for a line that is no call.
/// </summary>
/// <remarks>
/// Exit status: 0 at the end of input or after <c>quit</c>, whatever calls returned; 1 when a call failed by a fault of this program; 2 for
/// a command line that cannot be understood.
/// </remarks>
internal static class KvmCommand
{
    public const string Usage = "kvm [--profile NAME] " + ConsoleHost.Usage;

    public static int Run(Arguments arguments)
    {
        var abi = Abi(arguments.Value("--profile"));
        var host = ConsoleHost.Read(arguments);
        arguments.RefuseRest();

        using var input = new StreamReader(System.Console.OpenStandardInput(), Encoding.UTF8);
        using var output = new StreamWriter(System.Console.OpenStandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };
        using var session = new KvmSession(host, abi, TimeProvider.System);
        return Serve(session, new LineReader(input), output, Prompt());
    }

    /// <summary>Answers lines until there are no more, or <c>quit</c>.</summary>
    /// <returns>The exit status.</returns>
    private static int Serve(KvmSession session, LineReader lines, StreamWriter output, Action prompt)
    {
        var status = 0;
        prompt();
        while (!session.HasQuit && lines.Read(out var isTooLong) is { } line)
        {
            if (Answer(session, line, isTooLong, ref status) is { } answer)
                output.Write(answer + "\n");
            prompt();
        }

        return status;
    }

    /// <summary>The answer to a line; null for one without a call.</summary>
    private static string? Answer(KvmSession session, string line, bool isTooLong, ref int status)
    {
        try
        {
            return isTooLong
                ? throw new CallException($"the line is longer than {LineReader.MaxLength} characters")
                : session.Answer(line);
        }
        catch (CallException e)
        {
            return OneLine($"error: {e.Message}");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            status = 1;
            return OneLine($"error: a fault of this program: {e.GetType().Name}: {e.Message}");
        }
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private static AbiProfile Abi(string? name) => name is null
        ? AbiProfile.Linux612
        : AbiProfile.Find(name) ?? throw new UsageException($"There is no ABI profile '{name}'; there are {string.Join(", ", AbiProfile.All.Select(p => p.Name))}.");

    /// <summary>A prompt on standard error where a person types.</summary>
    private static Action Prompt()
    {
        if (System.Console.IsInputRedirected || System.Console.IsOutputRedirected || System.Console.IsErrorRedirected)
            return static () => { };
        return static () =>
        {
            System.Console.Error.Write("kvm> ");
            System.Console.Error.Flush();
        };
    }
}
