using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>FEAT_LSE2: what need not be aligned as long as it lies within 16 aligned bytes.</summary>
public sealed unsafe class RelaxedAlignmentTests
{
    private const ulong Data = GuestProgram.Start + 0x10_0000;
    private const ulong Naa = 1UL << 6;
    private const ulong AlignmentCheck = 1UL << 1;
    private const uint Ldar = 0xc8dffc20; // ldar x0, [x1]
    private const uint Stlr = 0xc89ffc22; // stlr x2, [x1]
    private const uint Ldxr = 0xc85f7c20; // ldxr x0, [x1]
    private const uint Ldaddal = 0xf8e20020; // ldaddal x2, x0, [x1]
    private const uint LdxpPairOfWords = 0x887f1424; // ldxp w4, w5, [x1]
    private const uint LdxpPairOfDoublewords = 0xc87f1424; // ldxp x4, x5, [x1]

    [Theory]
    [InlineData(Ldar, 3, 0UL, true, true)]
    [InlineData(Ldar, 8, 0UL, true, true)]
    [InlineData(Ldar, 9, 0UL, true, false)]
    [InlineData(Ldar, 9, Naa, true, true)]
    [InlineData(Ldar, 3, Naa, false, false)]
    [InlineData(Ldar, 3, AlignmentCheck, true, false)]
    [InlineData(Ldar, 9, Naa | AlignmentCheck, true, false)]
    [InlineData(Stlr, 5, 0UL, true, true)]
    [InlineData(Stlr, 12, 0UL, true, false)]
    [InlineData(Ldxr, 5, 0UL, true, true)]
    [InlineData(Ldxr, 5, 0UL, false, false)]
    [InlineData(Ldxr, 12, Naa, true, false)]
    [InlineData(Ldaddal, 7, 0UL, true, true)]
    [InlineData(Ldaddal, 9, Naa, true, false)]
    [InlineData(LdxpPairOfWords, 6, 0UL, true, true)]
    [InlineData(LdxpPairOfDoublewords, 8, 0UL, true, false)]
    [InlineData(LdxpPairOfDoublewords, 16, 0UL, true, true)]
    public void Faults_only_where_it_must(uint word, ulong offset, ulong control, bool relaxed, bool succeeds)
    {
        var features = relaxed ? CpuFeatures.All : CpuFeatures.All.Without(Feature.LSE2);
        using var guest = Create(features, word, GuestProgram.Hvc0);
        guest.StopAtVectors();
        guest.Cpu->SctlrEl1 = (guest.Cpu->SctlrEl1 & ~Naa) | control;
        guest.Cpu->X[1] = Data + offset;
        guest.Run();
        Assert.Equal(succeeds ? 0UL : 0x25UL, guest.Cpu->EsrEl1 >> 26);
        if (!succeeds)
        {
            Assert.Equal(0x21UL, guest.Cpu->EsrEl1 & 0x3f);
            Assert.Equal(Data + offset, guest.Cpu->FarEl1);
        }
    }

    [Fact]
    public void Unaligned_exclusives_and_atomics_change_the_right_bytes()
    {
        // ldxr x0, [x1]; add x2, x0, #1; stxr w3, x2, [x1]; ldaddal x2, x4, [x1]
        using var guest = Create(CpuFeatures.All, Ldxr, 0x91000402, 0xc8037c22, 0xf8e20024, GuestProgram.Hvc0);
        guest.Write(Data, 0xffff_ffff, 0x0000_00ff, 0, 0xffff_ff00);
        guest.Cpu->X[1] = Data + 5;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(0UL, guest.Cpu->X[0]);
        Assert.Equal(0UL, guest.Cpu->X[3]);
        Assert.Equal(1UL, guest.Cpu->X[4]);
        Assert.Equal([0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff], guest.Read(Data, 16));
    }

    /// <summary>A reader of an aligned pair never sees half of a writer's pair.</summary>
    [Fact]
    public void Aligned_pairs_are_never_torn()
    {
        const int Rounds = 20_000;
        using var memory = new Hypervisor.Memory.GuestMemory(GuestProgram.Start, 16 << 20);
        using var domain = new Hypervisor.Execute.EngineDomain(memory, CpuFeatures.All, 2);

        // loop: add x2, x2, #1; stp x2, x2, [x1]; sub x3, x3, #1; cbnz x3, loop; hvc #0
        var writer = new Side(domain, memory, 0, GuestProgram.Start, 0x91000442, 0xa9000822, 0xd1000463, 0xb5ffffa3, GuestProgram.Hvc0);

        // loop: ldp x4, x5, [x1]; cmp x4, x5; b.ne +16; sub x3, x3, #1; cbnz x3, loop; hvc #0; hvc #1
        var reader = new Side(
            domain, memory, 1, GuestProgram.Start + 0x2000, 0xa9401424, 0xeb05009f, 0x54000081, 0xd1000463, 0xb5ffff83, GuestProgram.Hvc0, 0xd4000022);
        var thread = new Thread(() => writer.Run(Rounds));
        thread.Start();
        reader.Run(Rounds);
        Assert.True(thread.Join(TimeSpan.FromSeconds(30)));
        Assert.Equal(0u, reader.Immediate);
        writer.Free();
        reader.Free();
    }

    private static GuestProgram Create(CpuFeatures features, params ReadOnlySpan<uint> words)
    {
        var guest = new GuestProgram(features, words);
        guest.MapIdentity();
        return guest;
    }

    private sealed class Side
    {
        private readonly Hypervisor.Execute.IVcpuEngine _engine;
        private readonly CpuState* _cpu = CpuState.Allocate();

        public Side(
            Hypervisor.Execute.EngineDomain domain, Hypervisor.Memory.GuestMemory memory, int index, ulong start, params ReadOnlySpan<uint> words)
        {
            _engine = domain.CreateVcpu(index);
            Assert.True(memory.TryWrite(start, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)));
            _cpu->Pc = start;
            _cpu->El = 1;
            _cpu->SpSel = 1;

            // One block of normal memory, as GuestProgram.MapIdentity does.
            Assert.True(memory.TryWrite(GuestProgram.Tables + 8, BitConverter.GetBytes(GuestProgram.Start | 0b01 | 1 << 10 | 3 << 8)));
            _cpu->SctlrEl1 = 0x00c5_0079;
            _cpu->TcrEl1 = 25 | 1UL << 23 | 2UL << 32;
            _cpu->MairEl1 = 0xff;
            _cpu->Ttbr0El1 = GuestProgram.Tables;
            _cpu->X[1] = Data;
        }

        public uint Immediate => _cpu->Exit.Esr & 0xffff;

        public void Run(int rounds)
        {
            _cpu->X[3] = (ulong)rounds;
            Assert.Equal(ExitReason.Hvc, _engine.Run(_cpu, 100L * rounds));
        }

        public void Free() => CpuState.Free(_cpu);
    }
}
