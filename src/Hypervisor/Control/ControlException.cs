using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Disks;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Control;

/// <summary>A control call is refused.</summary>
internal sealed class ControlException(ControlProblem problem) : Exception(problem.Title)
{
    public ControlProblem Problem { get; } = problem;

    /// <summary>A request that cannot be understood (400).</summary>
    public static ControlException BadRequest(string pointer, string detail) => new(new ControlProblem
    {
        Title = "The request is not valid",
        Status = 400,
        Code = ControlProtocol.ProblemCodes.InvalidRequest,
        Errors = [new ControlProblemReason(pointer, detail)],
    });

    public static ControlException NotFound(string detail) => new(new ControlProblem
    {
        Title = "Not found",
        Status = 404,
        Code = ControlProtocol.ProblemCodes.NotFound,
        Detail = detail,
    });

    public static ControlException InvalidState(string detail) => new(new ControlProblem
    {
        Title = "The machine's state does not allow this",
        Status = 409,
        Code = ControlProtocol.ProblemCodes.InvalidState,
        Detail = detail,
    });

    /// <summary>The problem that an exception of the machine means; null for one that nobody foresaw.</summary>
    public static ControlProblem? Describe(Exception exception) => exception switch
    {
        ControlException e => e.Problem,
        MachineStateException e => InvalidState(e.Message).Problem,
        MachineDefinitionException e => new ControlProblem
        {
            Title = "The machine cannot be built",
            Status = 422,
            Code = ControlProtocol.ProblemCodes.InvalidDefinition,
            Errors = e.Reasons,
        },
        BootException e => new ControlProblem
        {
            Title = "The machine cannot boot",
            Status = 422,
            Code = ControlProtocol.ProblemCodes.InvalidDefinition,
            Errors = [.. e.Reasons.Select(reason => new ControlProblemReason("/boot", reason))],
        },
        RegisterAccessException e => new ControlProblem
        {
            Title = "Registers cannot be written",
            Status = 422,
            Code = ControlProtocol.ProblemCodes.InvalidRegister,
            Errors = e.Reasons,
        },
        DiskException e => new ControlProblem
        {
            Title = "A disk cannot be used",
            Status = 422,
            Code = ControlProtocol.ProblemCodes.InvalidDefinition,
            Errors = [new ControlProblemReason("/disks", e.Message)],
        },
        StateFormatException e => new ControlProblem
        {
            Title = e.Incompatible ? "The state belongs to a different machine" : "The state is damaged",
            Status = 422,
            Code = e.Incompatible ? ControlProtocol.ProblemCodes.IncompatibleState : ControlProtocol.ProblemCodes.CorruptState,
            Errors = [.. e.Reasons.Select(reason => new ControlProblemReason(string.Empty, reason))],
        },
        _ => null,
    };
}
