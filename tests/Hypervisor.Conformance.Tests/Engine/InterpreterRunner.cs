using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Conformance.Tests.Cases;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Conformance.Tests.Engine;

/// <summary>Runs single instructions in the interpreter, at EL1 with the oracle's memory map as normal memory.</summary>
internal sealed unsafe class InterpreterRunner : IDisposable
{
    private const ulong RamBase = 0x4000_0000;
    private const ulong TableL1 = RamBase;
    private const ulong TableL2 = RamBase + 0x1000;
    private const ulong TableL3 = RamBase + 0x2000;
    private const ulong Vectors = 0x4200_0000;
    private readonly byte[] _pristine = Layout.PristineScratch();
    private readonly GuestMemory _memory = new(RamBase, 64 << 20);
    private readonly EngineDomain _domain;
    private readonly IVcpuEngine _engine;
    private readonly CpuState* _cpu = CpuState.Allocate();

    public InterpreterRunner()
    {
        // qemu 7.2 has no FEAT_LSE2: unaligned acquire and release accesses fault.
        _domain = new EngineDomain(_memory, CpuFeatures.All.Without(Feature.LSE2), 1);
        _engine = _domain.CreateVcpu(0);
        MapIdentity();
        Restore();
    }

    /// <summary>The state after the record's instruction, in the oracle's terms.</summary>
    public MachineRecord Run(MachineRecord input)
    {
        var output = MachineRecord.Create(input.VectorBytes);
        Run(input, output);
        return output;
    }

    /// <summary>As <see cref="Run(MachineRecord)"/>, into a record of the same vector length.</summary>
    public void Run(MachineRecord input, MachineRecord output)
    {
        Load(input);
        Write(Layout.Slot, input.Word);
        var exit = _engine.Step(_cpu);
        output.Bytes.AsSpan().Clear();
        output.Word = input.Word;
        output.UsesMemory = input.UsesMemory;
        Save(output);
        Classify(output, exit);
        output.Normalise();
    }

    /// <summary>True when the record's word, in its state, is UNDEFINED.</summary>
    public bool IsUndefined(MachineRecord input)
    {
        Load(input);
        Write(Layout.Slot, input.Word);
        _engine.Step(_cpu);
        return _cpu->Pc == Vectors + 0x200 && _cpu->EsrEl1 >> 26 == 0;
    }

    public void Dispose()
    {
        _domain.Dispose();
        _memory.Dispose();
        CpuState.Free(_cpu);
    }

    private void Load(MachineRecord input)
    {
        NativeMemory.Clear(_cpu, (nuint)sizeof(CpuState));
        for (var i = 0; i < 31; i++)
            _cpu->X[i] = input.X[i];
        _cpu->Sp[1] = input.Sp;
        _cpu->Pc = Layout.Slot;
        _cpu->El = 1;
        _cpu->SpSel = 1;
        _cpu->Daif = PState.DaifMask;
        _cpu->Nzcv = input.Nzcv;
        _cpu->Fpcr = input.Fpcr;
        _cpu->Fpsr = input.Fpsr;
        _cpu->VqSet = 0xFFFF;
        _cpu->MaxVq = (uint)input.VectorBytes / 16;
        _cpu->ZcrEl1 = 0xF;
        _cpu->CpacrEl1 = 0x0033_0000;
        _cpu->VbarEl1 = Vectors;

        // MMU and caches on, no alignment checks; 39-bit TTBR0 with 4 KiB pages; attribute 0 is normal write-back memory.
        _cpu->SctlrEl1 = 0x00c5_0880 | (1 << 0) | (1 << 2) | (1 << 12);
        _cpu->TcrEl1 = 25 | (1ul << 8) | (1ul << 10) | (3ul << 12) | (1ul << 23) | (2ul << 32);
        _cpu->MairEl1 = 0xFF;
        _cpu->Ttbr0El1 = TableL1;
        for (var i = 0; i < 32; i++)
            input.Z(i).CopyTo(new Span<byte>(_cpu->Z + (i * CpuState.ZStride), CpuState.ZStride));
        for (var i = 0; i < 17; i++)
            input.P(i).CopyTo(new Span<byte>(_cpu->P + (i * CpuState.PStride), CpuState.PStride));
    }

    private void Save(MachineRecord output)
    {
        for (var i = 0; i < 31; i++)
            output.X[i] = _cpu->X[i];
        output.Sp = _cpu->Sp[1];
        output.Pc = _cpu->Pc;
        output.Nzcv = _cpu->Nzcv;
        output.Fpcr = _cpu->Fpcr;
        output.Fpsr = _cpu->Fpsr;
        for (var i = 0; i < 32; i++)
            new Span<byte>(_cpu->Z + (i * CpuState.ZStride), output.VectorBytes).CopyTo(output.Z(i));
        for (var i = 0; i < 17; i++)
            new Span<byte>(_cpu->P + (i * CpuState.PStride), output.VectorBytes / 8).CopyTo(output.P(i));
        if (output.UsesMemory != 0)
        {
            Assert.True(_memory.TryAcquireRead(Layout.ScratchBase, Layout.ScratchBytes, out var scratch));
            output.MemoryHash = StateHash.OfChanges(_pristine, new ReadOnlySpan<byte>(scratch, Layout.ScratchBytes));
            if (output.MemoryHash != 0)
                Restore();
        }
    }

    private void Classify(MachineRecord output, ExitReason exit)
    {
        Assert.True(exit == ExitReason.Budget, $"{output.Word:x8} left the engine with {exit}.");
        output.Outcome = Outcomes.Completed;
        if (_cpu->Pc == Vectors + 0x200)
        {
            output.Pc = _cpu->ElrEl1;
            output.Outcome = (_cpu->EsrEl1 >> 26) switch
            {
                0 => Outcomes.Undefined,
                0x25 when (_cpu->EsrEl1 & 0x3F) == 0x21 => Outcomes.Misaligned,
                0x25 => Outcomes.MemoryFault,
                var other => throw new InvalidOperationException($"{output.Word:x8} took an exception of class {other:x}."),
            };
            output.Fault = output.Outcome == Outcomes.Undefined ? 0 : _cpu->FarEl1;
        }
        else if (output.Pc - Layout.CodeBase >= Layout.CodeBytes)
        {
            // User space sees a branch out of its code as a fault of the fetch.
            output.Outcome = Outcomes.MemoryFault;
            output.Fault = output.Pc;
        }
    }

    private void MapIdentity()
    {
        const ulong Table = 3;
        const ulong Page = 3 | (1ul << 10) | (3ul << 8);
        Write(TableL1 + (8 * (Layout.CodeBase >> 30)), TableL2 | Table);
        Write(TableL2 + (8 * ((Layout.CodeBase >> 21) & 511)), TableL3 | Table);
        for (var page = Layout.CodeBase; page < Layout.CodeBase + Layout.CodeBytes; page += 4096)
            Write(TableL3 + (8 * ((page >> 12) & 511)), page | Page);
        for (var page = Layout.ScratchBase; page < Layout.ScratchBase + Layout.ScratchBytes; page += 4096)
            Write(TableL3 + (8 * ((page >> 12) & 511)), page | Page);
    }

    private void Restore()
    {
        Assert.True(_memory.TryAcquireWrite(Layout.ScratchBase, Layout.ScratchBytes, out var scratch));
        _pristine.CopyTo(new Span<byte>(scratch, Layout.ScratchBytes));
    }

    private void Write<T>(ulong address, T value) where T : unmanaged
    {
        Assert.True(_memory.TryAcquireWrite(address, sizeof(T), out var host));
        *(T*)host = value;
    }
}
