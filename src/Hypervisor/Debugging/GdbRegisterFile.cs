using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>
/// The registers of a VM's vCPUs as gdb numbers them: <c>org.gnu.gdb.aarch64.core</c>, then <c>.sve</c> where some vCPU has SVE and
/// <c>.fpu</c> where none has (gdb refuses a target with both, and takes the V registers from the Z registers), then the system registers.
/// Vectors have the size of the longest length that any vCPU of the VM may use; <c>vg</c> says how much of them is in use now.
/// </summary>
internal sealed unsafe class GdbRegisterFile
{
    /// <summary>Registers of the <c>g</c> packet: X0 to X30, SP, PC, CPSR. The others are read one by one.</summary>
    public const int GeneralCount = 34;

    public const int FramePointer = 29;
    public const int StackPointer = 31;
    public const int ProgramCounter = 32;

    /// <summary>The feature of the system registers, which gdb knows nothing of.</summary>
    public const string SystemFeature = "org.cloudvm.aarch64.system";

    private const int GranuleBytes = 8;

    private readonly int _vq;

    public GdbRegisterFile(IReadOnlyList<KvmVcpu> vcpus)
    {
        _vq = vcpus.Max(static vcpu => vcpu.VectorLengths.Max);
        Features = [Core(), _vq == 0 ? Fpu() : Sve(), System(vcpus)];
        Registers = [.. Features.SelectMany(static feature => feature.Registers)];
        VectorGranules = Registers.ToList().FindIndex(static register => register.Name == "vg");
    }

    public IReadOnlyList<GdbFeature> Features { get; }

    public IReadOnlyList<GdbRegister> Registers { get; }

    /// <summary>Number of <c>vg</c>; -1 without SVE.</summary>
    public int VectorGranules { get; }

    private static GdbFeature Core()
    {
        var registers = new List<GdbRegister>();
        for (var n = 0; n < 31; n++)
        {
            var index = n;
            registers.Add(Word($"x{n}", "int", (ref s) => ref s.X[index]));
        }

        registers.Add(new("sp", 8, "data_ptr", static (vcpu, bytes) => Put(bytes, *CurrentSp(vcpu)), static (vcpu, bytes) => Set(ref *CurrentSp(vcpu), bytes)));
        registers.Add(Word("pc", "code_ptr", static (ref s) => ref s.Pc));
        registers.Add(new(
            "cpsr", 4, "cpsr_flags",
            static (vcpu, bytes) => BinaryPrimitives.TryWriteUInt32LittleEndian(bytes, (uint)PState.Read(vcpu.Context)),
            static (vcpu, bytes) => PState.TryWrite(vcpu.Context, BinaryPrimitives.ReadUInt32LittleEndian(bytes)) ? Errno.Ok : Errno.EINVAL));
        return new("org.gnu.gdb.aarch64.core", GdbTypes.CpsrFlags, registers);
    }

    private static GdbFeature Fpu()
    {
        var registers = new List<GdbRegister>();
        for (var n = 0; n < 32; n++)
            registers.Add(Vector($"v{n}", "aarch64v", 16, n));
        registers.AddRange(FpControl());
        return new("org.gnu.gdb.aarch64.fpu", GdbTypes.Vectors("aarch64v", 1), registers);
    }

    private GdbFeature Sve()
    {
        var registers = new List<GdbRegister>();
        for (var n = 0; n < 32; n++)
            registers.Add(Vector($"z{n}", "svev", _vq * 16, n));
        registers.AddRange(FpControl());
        for (var n = 0; n < 16; n++)
            registers.Add(Predicate($"p{n}", n));
        registers.Add(Predicate("ffr", CpuState.Ffr));
        registers.Add(new("vg", 8, "int", static (vcpu, bytes) => vcpu.HasSve && Put(bytes, (ulong)VectorGranulesOf(vcpu)), SetVectorGranules));
        return new("org.gnu.gdb.aarch64.sve", GdbTypes.Vectors("svev", _vq) + GdbTypes.Predicate(_vq), registers);
    }

    /// <summary>Every named register that some vCPU has, and those that are no system registers to KVM.</summary>
    private static GdbFeature System(IReadOnlyList<KvmVcpu> vcpus)
    {
        var registers = new List<GdbRegister>
        {
            Word("SP_EL0", "uint64", static (ref s) => ref s.Sp[0]) with { Group = "system" },
            Word("SP_EL1", "uint64", static (ref s) => ref s.Sp[1]) with { Group = "system" },
            Word("ELR_EL1", "uint64", static (ref s) => ref s.ElrEl1) with { Group = "system" },
            Word("SPSR_EL1", "uint64", static (ref s) => ref s.SpsrEl1) with { Group = "system" },
        };
        foreach (var row in SystemRegisterTable.Rows)
        {
            if (!Enum.IsDefined(row.Register) || !vcpus.Any(row.IsVisibleTo))
                continue;
            var id = RegisterId.SystemRegister(row.Register);
            registers.Add(new(
                row.Name, 8, "uint64",
                (vcpu, bytes) => vcpu.GetOneReg(id, bytes) == Errno.Ok,
                (vcpu, bytes) => vcpu.SetOneReg(id, bytes))
            {
                Group = "system",
            });
        }

        return new(SystemFeature, string.Empty, registers);
    }

    private static IEnumerable<GdbRegister> FpControl() =>
    [
        Control("fpsr", static (ref s) => ref s.Fpsr),
        Control("fpcr", static (ref s) => ref s.Fpcr),
    ];

    private delegate ref uint StatusField(ref CpuState state);

    private static GdbRegister Control(string name, StatusField field) => new(
        name, 4, "int",
        (vcpu, bytes) => BinaryPrimitives.TryWriteUInt32LittleEndian(bytes, field(ref *vcpu.Context)),
        (vcpu, bytes) =>
        {
            field(ref *vcpu.Context) = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
            return Errno.Ok;
        });

    private static GdbRegister Word(string name, string type, CpuStateField field) => new(
        name, 8, type,
        (vcpu, bytes) => Put(bytes, field(ref *vcpu.Context)),
        (vcpu, bytes) => Set(ref field(ref *vcpu.Context), bytes));

    private static GdbRegister Vector(string name, string type, int bytes, int n) => new(
        name, bytes, type,
        (vcpu, into) => Copy(new ReadOnlySpan<byte>(&vcpu.Context->Z[n * CpuState.ZStride], into.Length), into),
        (vcpu, from) => Store(from, new Span<byte>(&vcpu.Context->Z[n * CpuState.ZStride], CpuState.ZStride), VectorBytesOf(vcpu)));

    private GdbRegister Predicate(string name, int n) => new(
        name, _vq * 2, "svep",
        (vcpu, into) => vcpu.HasSve && Copy(new ReadOnlySpan<byte>(&vcpu.Context->P[n * CpuState.PStride], into.Length), into),
        (vcpu, from) => Store(from, new Span<byte>(&vcpu.Context->P[n * CpuState.PStride], CpuState.PStride), vcpu.VectorLengths.Max * 2));

    /// <summary>Bytes of a vector register that this vCPU can ever use.</summary>
    private static int VectorBytesOf(KvmVcpu vcpu) => Math.Max(vcpu.VectorLengths.Max, 1) * 16;

    /// <summary>The effective vector length at EL1 and EL0 in 64-bit granules.</summary>
    private static int VectorGranulesOf(KvmVcpu vcpu) =>
        vcpu.VectorLengths.LargestAtMost((int)(vcpu.Context->ZcrEl1 & 0xf) + 1) * 16 / GranuleBytes;

    /// <summary>Sets ZCR_EL1.LEN to exactly the length; the vCPU must have it.</summary>
    private static Errno SetVectorGranules(KvmVcpu vcpu, ReadOnlySpan<byte> bytes)
    {
        const ulong LengthField = 0xf;
        var granules = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var vq = granules * GranuleBytes / 16;
        if (granules is 0 or > 32 || granules * GranuleBytes % 16 != 0 || !vcpu.VectorLengths.Contains((int)vq))
            return Errno.EINVAL;
        vcpu.Context->ZcrEl1 = (vcpu.Context->ZcrEl1 & ~LengthField) | (vq - 1);
        return Errno.Ok;
    }

    private static ulong* CurrentSp(KvmVcpu vcpu) => &vcpu.Context->Sp[vcpu.Context->El == 0 ? 0 : vcpu.Context->SpSel];

    private static bool Put(Span<byte> bytes, ulong value) => BinaryPrimitives.TryWriteUInt64LittleEndian(bytes, value);

    private static Errno Set(ref ulong register, ReadOnlySpan<byte> bytes)
    {
        register = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return Errno.Ok;
    }

    private static bool Copy(ReadOnlySpan<byte> from, Span<byte> into)
    {
        from.CopyTo(into);
        return true;
    }

    /// <summary>Stores what the vCPU has of a register; what lies beyond must be zero and stays so.</summary>
    private static Errno Store(ReadOnlySpan<byte> from, Span<byte> register, int usable)
    {
        if (from.Length > usable && from[usable..].ContainsAnyExcept((byte)0))
            return Errno.EINVAL;
        from[..Math.Min(from.Length, usable)].CopyTo(register);
        return Errno.Ok;
    }
}
