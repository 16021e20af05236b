using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Host;

/// <summary>Somebody whose FP and SVE registers can be live on a physical CPU: a vCPU, or a task of the host.</summary>
public unsafe interface IFpOwner
{
    /// <summary>Where FPCR, FPSR, Z, P and FFR are while they are not live.</summary>
    CpuState* FpStorage { get; }

    /// <summary>Where they are live; null while <see cref="FpStorage"/> holds them. Only <see cref="FpRegisters"/> sets it.</summary>
    PhysicalCpu? FpLiveOn { get; set; }
}

/// <summary>
/// The FP and SVE registers of a physical CPU and who owns them: a host task, a vCPU, or nobody. Every move between registers and storage
/// is here.
/// </summary>
/// <remarks>
/// Invariants: a CPU has at most one owner, an owner is live on at most one CPU, and what a move copied is equal on both sides. With the
/// runtime switch <see cref="SwitchName"/>, which all tests have on, each move checks them. Thread: whoever acquired the CPU.
/// </remarks>
public sealed unsafe class FpRegisters
{
    /// <summary>AppContext switch that makes every move check the invariants.</summary>
    public const string SwitchName = "CloudVm.Hypervisor.CheckInvariants";

    /// <summary>Whether invariants are checked; a constant to the compiler, so it costs nothing where it is off.</summary>
    public static readonly bool ChecksInvariants = AppContext.TryGetSwitch(SwitchName, out var on) && on;

    private readonly PhysicalCpu _cpu;
    private ulong _imageAtLoad;

    internal FpRegisters(PhysicalCpu cpu) => _cpu = cpu;

    /// <summary>Whose registers are live; null means nobody's, and the next use by anyone must load first.</summary>
    public IFpOwner? Owner { get; private set; }

    /// <summary>Puts an owner's registers into the CPU. Whoever owned it must have been saved.</summary>
    public void Load(IFpOwner owner)
    {
        if (ChecksInvariants)
        {
            Require(Owner is null, "another owner is live on the CPU");
            Require(owner.FpLiveOn is null, "the owner is live on another CPU");
        }

        Copy(owner.FpStorage, _cpu.State);
        Owner = owner;
        owner.FpLiveOn = _cpu;
        if (ChecksInvariants)
        {
            _imageAtLoad = ImageOf(owner.FpStorage);
            Require(ImageOf(_cpu.State) == _imageAtLoad, "the registers are not what was loaded");
        }
    }

    /// <summary>Saves whoever is live to his storage and makes the registers nobody's (fpsimd_save_and_flush_cpu_state).</summary>
    /// <returns>Who was saved; null if they were nobody's.</returns>
    public IFpOwner? SaveAndFlush()
    {
        if (Owner is not { } owner)
            return null;
        if (ChecksInvariants)
        {
            Require(ReferenceEquals(owner.FpLiveOn, _cpu), "the owner is not live here");
            Require(ImageOf(owner.FpStorage) == _imageAtLoad, "somebody wrote the storage while the registers were live");
        }

        Copy(_cpu.State, owner.FpStorage);
        Owner = null;
        owner.FpLiveOn = null;
        if (ChecksInvariants)
            Require(ImageOf(owner.FpStorage) == ImageOf(_cpu.State), "the storage is not what was saved");
        return owner;
    }

    /// <summary>Fails where somebody reads or writes storage that is not current, because the registers are live.</summary>
    /// <exception cref="InvalidOperationException">With the switch on, the owner is live.</exception>
    public static void CheckAtRest(IFpOwner owner)
    {
        if (ChecksInvariants)
            Require(owner.FpLiveOn is null, "storage is accessed while the registers are live");
    }

    /// <summary>
    /// Moves FPCR, FPSR, Z, P and FFR. The whole stride of each register moves whatever the vector length, because bytes above the
    /// owner's longest are zero and must be zero on the CPU too.
    /// </summary>
    private static void Copy(CpuState* from, CpuState* to)
    {
        to->Fpcr = from->Fpcr;
        to->Fpsr = from->Fpsr;
        Buffer.MemoryCopy(from->Z, to->Z, 32 * CpuState.ZStride, 32 * CpuState.ZStride);
        Buffer.MemoryCopy(from->P, to->P, 17 * CpuState.PStride, 17 * CpuState.PStride);
    }

    private static ulong ImageOf(CpuState* state)
    {
        var image = Mix(state->Fpcr | ((ulong)state->Fpsr << 32), new ReadOnlySpan<ulong>(state->Z, 32 * CpuState.ZStride / sizeof(ulong)));
        return Mix(image, new ReadOnlySpan<ulong>(state->P, 17 * CpuState.PStride / sizeof(ulong)));
    }

    private static ulong Mix(ulong image, ReadOnlySpan<ulong> words)
    {
        const ulong Prime = 0x0000_0100_0000_01b3; // FNV-1a, a word at a time
        foreach (var word in words)
            image = (image ^ word) * Prime;
        return image;
    }

    private static void Require(bool condition, string violation)
    {
        if (!condition)
            throw new InvalidOperationException($"FP ownership is broken: {violation}.");
    }
}
