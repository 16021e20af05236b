using CloudVm.Hypervisor.Conformance.Tests.Cases;

namespace CloudVm.Hypervisor.Conformance.Tests.Engine;

/// <summary>Asks the engine, with every feature, whether words are instructions: by executing them, since rows have UNALLOCATED corners.</summary>
internal sealed class AllocationProber : IDisposable
{
    // Long enough for every instruction with a minimum vector length.
    private const int VectorBytes = 64;
    private readonly InterpreterRunner _runner = new();
    private readonly MachineRecord _state = MachineRecord.Create(VectorBytes);

    public AllocationProber()
    {
        _state.X.Fill(Layout.ScratchMiddle);
        _state.Sp = Layout.ScratchMiddle;
    }

    public bool IsAllocated(uint word)
    {
        _state.Word = word;
        return !_runner.IsUndefined(_state);
    }

    public void Dispose() => _runner.Dispose();
}
