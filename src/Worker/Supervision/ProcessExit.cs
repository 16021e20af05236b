namespace CloudVm.Worker.Supervision;

/// <summary>How a process ended. Both values are null when it was not a child of this Worker: only a parent is told.</summary>
/// <param name="ExitCode">Argument of <c>exit</c>.</param>
/// <param name="Signal">Number of the signal that killed it.</param>
public readonly record struct ProcessExit(int? ExitCode, int? Signal)
{
    /// <summary>The exit in words.</summary>
    public string Describe() => this switch
    {
        { Signal: { } signal } => $"killed by signal {SignalName(signal)}",
        { ExitCode: { } code } => $"exited with code {code}",
        _ => "killed, or exited without a record",
    };

    private static string SignalName(int signal) => signal switch
    {
        4 => "4 (SIGILL)",
        6 => "6 (SIGABRT)",
        7 => "7 (SIGBUS)",
        9 => "9 (SIGKILL)",
        11 => "11 (SIGSEGV)",
        15 => "15 (SIGTERM)",
        _ => signal.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };
}
