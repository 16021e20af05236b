using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>
/// Run, which executes pre-decoded operations in linked blocks, does the same as Step, which calls the rows' semantics methods: random
/// programs of every integer, branch, load and store encoding, compared at random points.
/// </summary>
public sealed unsafe class LockstepTests
{
    private const ulong Code = GuestProgram.Start + 0x4000;
    private const ulong Data = GuestProgram.Start + 0x20_0000;
    private const int ProgramWords = 1500; // more than a page
    private const int Slices = 60;

    private static readonly OpcodeInfo[] Rows =
    [
        .. Opcodes.Info.Where(row => row.Group is "BaseImmediate" or "BaseRegister" or "BaseLoadStore" or "BaseBranch" or "SimdLoadStore" or "BaseAtomic")
            .Where(row => row.Name is not ("SYS_CR_systeminstrs" or "SYSL_RC_systeminstrs" or "MSR_SR_systemmove" or "MRS_RS_systemmove"
                or "MSR_SI_pstate" or "WFI_HI_hints" or "WFE_HI_hints" or "DSB_BO_barriers")),
    ];

    /// <summary>Encodings that real code is full of, so that what follows what in it is tried as well.</summary>
    private static readonly OpcodeInfo[] Common =
    [
        .. Rows.Where(row => row.Name is "SUBS_64S_addsub_imm" or "SUBS_32_addsub_shift" or "B_only_condbranch" or "CBZ_64_compbranch" or "TBNZ_only_testbranch"
            or "LDR_64_ldst_pos" or "STR_32_ldst_pos" or "LDP_64_ldstpair_post" or "STP_64_ldstpair_pre" or "BL_only_branch_imm" or "ANDS_64S_log_imm"
            or "CSEL_64_condsel" or "CCMP_64_condcmp_imm" or "UBFM_64M_bitfield" or "ADD_64_addsub_imm" or "LDP_Q_ldstpair_off" or "LDRB_32_ldst_regoff"),
    ];

    private static readonly uint[] ReadableRegisters =
    [
        SystemRegisterId.TPIDR_EL0, SystemRegisterId.TPIDRRO_EL0, SystemRegisterId.TPIDR_EL1, SystemRegisterId.SP_EL0, SystemRegisterId.ELR_EL1,
        SystemRegisterId.SPSR_EL1, SystemRegisterId.ESR_EL1, SystemRegisterId.FAR_EL1, SystemRegisterId.DAIF, SystemRegisterId.NZCV, SystemRegisterId.CurrentEL,
    ];

    [Theory]
    [InlineData(1, 1, 16)]
    [InlineData(1, 0, 16)]
    [InlineData(0, 0, 16)]
    [InlineData(1, 1, 64)]
    public void Run_does_what_step_does(byte el, byte spSel, int vectorBytes)
    {
        var seed = Random.Shared.Next();
        for (var program = 0; program < 200; program++)
            RunProgram(seed + program, el, spSel, vectorBytes);
    }

    private static void RunProgram(int seed, byte el, byte spSel, int vectorBytes)
    {
        var random = new Random(seed);
        var words = new uint[ProgramWords];
        for (var i = 0; i < words.Length; i++)
            words[i] = RandomWord(random);
        using var fast = Prepare(words, el, spSel, vectorBytes, new Random(seed));
        using var slow = Prepare(words, el, spSel, vectorBytes, new Random(seed));
        var where = $"seed {seed}, EL{el}, SPSel {spSel}, VL {vectorBytes}";
        for (var slice = 0; slice < Slices; slice++)
        {
            var from = fast.Cpu->Pc;
            var before = fast.Engine.Counters.RetiredInstructions;
            var reason = fast.Run(random.Next(1, 40));
            var expected = ExitReason.Budget;
            var retired = fast.Engine.Counters.RetiredInstructions - before;
            for (long i = 0; i < retired; i++)
            {
                Assert.True(expected == ExitReason.Budget, $"{where}: Step exited with {expected} before Run did, from {from:x}.");
                expected = slow.Engine.Step(slow.Cpu);
            }

            // An instruction that cannot be fetched retires nothing, yet takes an exception.
            if (retired == 0)
                expected = slow.Engine.Step(slow.Cpu);
            else if (slow.Cpu->Pc != fast.Cpu->Pc && expected == ExitReason.Budget)
                expected = slow.Engine.Step(slow.Cpu);
            Assert.True(expected == reason, $"{where}: Run exited with {reason}, Step with {expected}, from {from:x}.");
            Compare(fast, slow, $"{where}, from {from:x} to {slow.Cpu->Pc:x}");
            if (reason == ExitReason.Budget)
                continue;

            // Most programs soon take an exception: go on elsewhere.
            var start = Code + ((ulong)random.Next(ProgramWords) * 4);
            var registers = random.Next();
            Resume(fast.Cpu, start, el, spSel, new Random(registers));
            Resume(slow.Cpu, start, el, spSel, new Random(registers));
        }
    }

    private static void Compare(GuestProgram fast, GuestProgram slow, string where)
    {
        for (var n = 0; n < 32; n++)
            Assert.True(slow.Cpu->X[n] == fast.Cpu->X[n], $"{where}: X{n} is {fast.Cpu->X[n]:x}, not {slow.Cpu->X[n]:x}.");
        fast.Cpu->Discarded = slow.Cpu->Discarded = 0;
        slow.Cpu->Exit = fast.Cpu->Exit;
        var size = sizeof(CpuState);
        var same = new ReadOnlySpan<byte>(fast.Cpu, size).CommonPrefixLength(new ReadOnlySpan<byte>(slow.Cpu, size));
        Assert.True(same == size, $"{where}: the states differ at byte {same}.");
        Assert.True(fast.Read(Data - 0x2000, 0x4000).AsSpan().SequenceEqual(slow.Read(Data - 0x2000, 0x4000)), $"{where}: memory differs.");
    }

    private static GuestProgram Prepare(uint[] words, byte el, byte spSel, int vectorBytes, Random random)
    {
        var guest = new GuestProgram();
        guest.Write(Code, words);
        guest.StopAtVectors();
        MapCodeReadOnly(guest, el);
        var cpu = guest.Cpu;
        cpu->VqSet = vectorBytes == 16 ? 1u : 0b1011;
        cpu->MaxVq = (uint)vectorBytes / 16;
        cpu->ZcrEl1 = 15;
        cpu->CpacrEl1 = random.Next(8) == 0 ? 0 : 0x0033_0000ul;
        cpu->TpidrEl0 = 1;
        cpu->TpidrEl1 = 2;
        cpu->TpidrroEl0 = 3;
        Resume(cpu, Code, el, spSel, random);
        var data = new byte[0x4000];
        random.NextBytes(data);
        Assert.True(guest.Memory.TryWrite(Data - 0x2000, data));
        for (var n = 0; n < 32; n++)
            random.NextBytes(new Span<byte>(cpu->Z + (n * CpuState.ZStride), vectorBytes));
        return guest;
    }

    private static void Resume(CpuState* cpu, ulong pc, byte el, byte spSel, Random random)
    {
        cpu->Pc = pc;
        cpu->El = el;
        cpu->SpSel = spSel;
        cpu->Nzcv = (uint)random.Next(16) << 28;
        for (var n = 0; n < 31; n++)
            cpu->X[n] = RandomValue(random);
        cpu->Sp[0] = Data + 0x800 + (random.Next(6) == 0 ? 8ul : 0);
        cpu->Sp[1] = Data + 0x900 + (random.Next(6) == 0 ? 4ul : 0);
    }

    // Code may not be written and data not executed: stores into code reach it only after cache maintenance, which Step needs none of.
    private static void MapCodeReadOnly(GuestProgram guest, byte el)
    {
        const ulong Block = 0b01 | 1 << 10 | 3 << 8;
        const ulong ReadOnly = 1UL << 7;
        const ulong NeverExecute = 3UL << 53;
        var user = el == 0 ? 1UL << 6 : 0;
        var tables = new ulong[1024];
        tables[1] = (GuestProgram.Tables + 0x1000) | 3;
        tables[512] = GuestProgram.Start | Block | ReadOnly | user;
        tables[513] = Data | Block | NeverExecute | user;
        Assert.True(guest.Memory.TryWrite(GuestProgram.Tables, MemoryMarshal.AsBytes(tables.AsSpan())));
        guest.Cpu->Ttbr0El1 = GuestProgram.Tables;
        guest.Cpu->TcrEl1 = 25 | 1UL << 23 | 2UL << 32;
        guest.Cpu->MairEl1 = 0xff;
        guest.Cpu->SctlrEl1 |= 1;
    }

    private static ulong RandomValue(Random random) => random.Next(6) switch
    {
        0 => (ulong)random.Next(64),
        1 => (ulong)random.NextInt64() * 2 + (ulong)random.Next(2),
        2 => ulong.MaxValue << random.Next(64),
        _ => Data + (ulong)random.Next(0x1800) - 0x800,
    };

    private static uint RandomWord(Random random)
    {
        if (random.Next(40) == 0)
            return 0xd520_0000 | ReadableRegisters[random.Next(ReadableRegisters.Length)] << 5 | (uint)random.Next(32);
        var row = random.Next(3) == 0 ? Common[random.Next(Common.Length)] : Rows[random.Next(Rows.Length)];
        var word = row.Value | ((uint)random.NextInt64(1L << 32) & ~row.Mask);

        // Direct branches mostly stay in the program, and mostly near.
        return row.Name switch
        {
            "B_only_branch_imm" or "BL_only_branch_imm" => row.Value | ((uint)random.Next(random.Next(4) == 0 ? -600 : -6, random.Next(4) == 0 ? 600 : 12) & 0x3ff_ffff),
            "B_only_condbranch" => row.Value | (word & 15) | ((uint)random.Next(-20, random.Next(4) == 0 ? 1000 : 20) & 0x7ffff) << 5,
            _ => word,
        };
    }
}
