namespace CloudVm.Contracts.Vms;

/// <summary>The GDB server of a VM that has a guest. See <c>docs/debugging.md</c>.</summary>
public sealed record VmDebugger
{
    /// <summary>A debugger is connected.</summary>
    public required bool Attached { get; init; }

    /// <summary>The debugger holds the guest still. The VM's phase is what its owner made it all the same.</summary>
    public required bool Stopped { get; init; }

    /// <summary>Where the door for debuggers is open, a loopback address of the VM's node; null while it is closed.</summary>
    public string? Address { get; init; }

    /// <summary>The door's port; null while it is closed.</summary>
    public int? Port { get; init; }
}

/// <summary>Who opened or closed a VM's door for debuggers.</summary>
/// <param name="By">The user's name.</param>
/// <param name="Debugger">The server after the change.</param>
public sealed record VmDebuggerChange(string By, VmDebugger Debugger);
