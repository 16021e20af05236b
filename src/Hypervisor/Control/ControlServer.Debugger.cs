using System.Net.Sockets;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Debugging;
using CloudVm.Hypervisor.Machine;
using Microsoft.AspNetCore.Http;

namespace CloudVm.Hypervisor.Control;

/// <summary>The machine's GDB server: on a Unix socket in the process's directory from the beginning, on a loopback port on request.</summary>
internal sealed partial class ControlServer
{
    private GdbServer? _debugger;

    private void StartDebugger(GuestMachine machine, string? socketPath)
    {
        var debugger = new GdbServer(machine);
        var path = socketPath ?? Path.Combine(_options.Directory, ControlProtocol.DebuggerSocketName);
        try
        {
            debugger.ListenOn(path);
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            // The VM does not need it, and the door can still be opened.
            Log.DebuggerSocketFailed(_logger, path, e);
        }

        Volatile.Write(ref _debugger, debugger);
    }

    private Task OpenDebuggerAsync(HttpContext context)
    {
        var door = RequireDebugger().OpenDoor();
        Log.DebuggerDoorOpened(_logger, door.Port);
        return Task.CompletedTask;
    }

    private Task CloseDebuggerAsync(HttpContext context) => RequireDebugger().CloseDoorAsync();

    private GdbServer RequireDebugger() =>
        Volatile.Read(ref _debugger) ?? throw ControlException.InvalidState("No machine is configured.");

    /// <summary>The machine's status with its debugger's.</summary>
    private MachineStatus ReadStatus(GuestMachine machine)
    {
        var status = machine.ReadStatus();
        if (Volatile.Read(ref _debugger) is not { } debugger)
            return status;
        var door = debugger.Door;
        return status with { Debugger = new DebuggerStatus(debugger.IsAttached, debugger.IsStopped, door?.Address.ToString(), door?.Port) };
    }
}
