using CloudVm.Contracts.Problems;
using Npgsql;

namespace CloudVm.Api.Shared.Problems;

/// <summary>
/// What a broken constraint means to the client. Checks come first and name every reason; constraints decide races that
/// checks cannot see.
/// </summary>
internal static class ConstraintRefusals
{
    public static ProblemException? Explain(PostgresException e) => (e.SqlState, e.ConstraintName) switch
    {
        (PostgresErrorCodes.UniqueViolation, "ux_operations_active_vm") =>
            Refusal.Conflict(ProblemCodes.OperationInProgress, "Another operation of the VM has just begun."),
        (PostgresErrorCodes.UniqueViolation, { } name) when name.EndsWith("_name", StringComparison.Ordinal) || name == "pk_host_profiles" =>
            Refusal.Invalid("/name", ProblemCodes.NameTaken, "The name is taken."),
        (PostgresErrorCodes.UniqueViolation, "ux_users_normalized_user_name") =>
            Refusal.Invalid("/userName", ProblemCodes.NameTaken, "The name is taken."),
        (PostgresErrorCodes.ForeignKeyViolation, _) => Refusal.Conflict(ProblemCodes.InUse, "Something else still refers to it."),
        _ => null,
    };
}
