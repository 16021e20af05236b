using CloudVm.Contracts.Control;
using Microsoft.Extensions.Logging;

namespace CloudVm.Hypervisor.Control;

internal sealed partial class ControlServer
{
    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Method} {Path} done for epoch {Epoch}")]
        public static partial void CallDone(ILogger logger, string method, string path, long epoch);

        [LoggerMessage(2, LogLevel.Information, "{Method} {Path} refused with {Status}: {Reason}")]
        public static partial void CallRefused(ILogger logger, string method, string path, int status, string reason);

        [LoggerMessage(3, LogLevel.Error, "{Method} {Path} failed")]
        public static partial void CallFailed(ILogger logger, string method, string path, Exception exception);

        [LoggerMessage(4, LogLevel.Information, "The machine ended: {Reason} {Detail}")]
        public static partial void Ended(ILogger logger, MachineExitReason reason, string? detail);

        [LoggerMessage(5, LogLevel.Error, "The exit record could not be written")]
        public static partial void ExitRecordFailed(ILogger logger, Exception exception);

        [LoggerMessage(6, LogLevel.Warning, "{Device} {Message}")]
        public static partial void DeviceReported(ILogger logger, string device, string message);

        [LoggerMessage(7, LogLevel.Warning, "The debugger's socket {Path} cannot be opened")]
        public static partial void DebuggerSocketFailed(ILogger logger, string path, Exception exception);

        [LoggerMessage(8, LogLevel.Information, "A debugger may connect to port {Port}")]
        public static partial void DebuggerDoorOpened(ILogger logger, int port);

        [LoggerMessage(9, LogLevel.Information, "SVE of the emulated host {Profile}, lengths in bits: {Report}")]
        public static partial void HostBooted(ILogger logger, string profile, string report);
    }
}
