using CloudVm.Contracts.Operations;

namespace CloudVm.Worker.Operations;

public sealed partial class VmOperationExecutor
{
    [LoggerMessage(1211, LogLevel.Information, "Operation {OperationId} ({Kind} of VM {VmId}) begins, attempt {Attempt}")]
    private partial void LogBegun(Guid operationId, OperationKind kind, Guid vmId, int attempt);

    [LoggerMessage(1212, LogLevel.Information, "Operation {OperationId} ({Kind}) stops before its end: {Stop}")]
    private partial void LogStopped(Guid operationId, OperationKind kind, OperationStop stop);

    [LoggerMessage(1213, LogLevel.Warning, "Operation {OperationId} ({Kind}) failed: {Reason}")]
    private partial void LogFailed(Guid operationId, OperationKind kind, string reason);

    [LoggerMessage(1214, LogLevel.Error, "Operation {OperationId} ({Kind}) failed unexpectedly")]
    private partial void LogUnexpected(Exception failure, Guid operationId, OperationKind kind);
}
