using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace CloudVm.Hypervisor.Control;

/// <summary>Appends log lines to one file: the process has no terminal and outlives whoever started it.</summary>
/// <remarks>Thread: any.</remarks>
internal sealed class FileLogger(string path, TimeProvider time) : ILoggerProvider, ILogger
{
    private readonly Lock _gate = new();
    private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        var line = string.Create(CultureInfo.InvariantCulture, $"{time.GetUtcNow():O} {logLevel} {formatter(state, exception)}");
        if (exception is not null)
            line = $"{line}\n{exception}";
        lock (_gate)
            _file.Write(Encoding.UTF8.GetBytes(line + "\n"));
    }

    public void Dispose() => _file.Dispose();
}
