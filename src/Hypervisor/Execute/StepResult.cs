namespace CloudVm.Hypervisor.Execute;

/// <summary>What a semantics method tells the dispatcher.</summary>
public enum StepResult
{
    /// <summary>Go on with the instruction after this one.</summary>
    Next,

    /// <summary>PC is already set: a taken branch, an exception entry or return.</summary>
    Branch,

    /// <summary>Go on after this instruction, but translation or mode may have changed: end the block.</summary>
    EndBlock,

    /// <summary>Leave Run with <c>Cpu->Exit</c> filled; PC stays at this instruction.</summary>
    Exit,

    /// <summary>Leave Run with <c>Cpu->Exit</c> filled; PC goes to the next instruction.</summary>
    ExitNext,
}
