using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>
/// Pointer authentication by its properties, since the algorithm is implementation defined. Addresses have 39 bits here, so that the
/// code is in bits 54:39 and, without tags, 63:56.
/// </summary>
public sealed unsafe class PointerAuthenticationTests
{
    private const ulong AllKeys = 1UL << 31 | 1UL << 30 | 1UL << 27 | 1UL << 13;
    private const ulong LowerCode = 0x007f_ff80_0000_0000;
    private const ulong TopByte = 0xff00_0000_0000_0000;
    private const ulong Bit55 = 1UL << 55;
    private const ulong Tbi0 = 1UL << 37;
    private const ulong Tbid0 = 1UL << 51;
    private const uint Pacia = 0xdac10020; // pacia x0, x1
    private const uint Autia = 0xdac11020;
    private const uint Pacda = 0xdac10820;
    private const uint Autda = 0xdac11820;
    private const uint Xpaci = 0xdac143e0;
    private const uint Pacga = 0x9ac23020; // pacga x0, x1, x2
    private const ulong LowPointer = 0x0000_0012_3456_7890;
    private const ulong HighPointer = 0xffff_ff92_3456_7890;
    private const ulong PinnedCode = 0xfef374e8_00000000;
    private const ulong Modifier = 0x1122_3344_5566_7788;

    public static TheoryData<uint, uint, ulong> Keys => new()
    {
        { Pacia, Autia, 1 },
        { 0xdac10420, 0xdac11420, 2 }, // pacib, autib
        { Pacda, Autda, 1 },
        { 0xdac10c20, 0xdac11c20, 2 }, // pacdb, autdb
    };

    [Theory]
    [MemberData(nameof(Keys))]
    public void Authentication_gives_a_signed_pointer_back_and_spoils_any_other(uint sign, uint authenticate, ulong errorCode)
    {
        foreach (var pointer in (ulong[])[LowPointer, HighPointer])
        {
            var signed = Execute(sign, pointer, Modifier);
            Assert.NotEqual(pointer, signed);
            Assert.Equal(0UL, (signed ^ pointer) & ~(LowerCode | TopByte));
            Assert.Equal(pointer, Execute(authenticate, signed, Modifier));

            var corrupted = (pointer & ~(3UL << 61)) | (errorCode << 61);
            Assert.Equal(corrupted, Execute(authenticate, signed, Modifier + 1));
            Assert.Equal(corrupted, Execute(authenticate, signed ^ (1UL << 40), Modifier));
            Assert.Equal(corrupted, Execute(authenticate, signed, Modifier, guest => ChangeKeys(guest.Cpu)));
            Assert.Equal(corrupted ^ 1, Execute(authenticate, signed ^ 1, Modifier));
            Assert.Equal(corrupted, Execute(authenticate, pointer, Modifier));
        }
    }

    [Fact]
    public void Keys_differ_and_so_do_modifiers()
    {
        var codes = new HashSet<ulong>();
        foreach (var key in Keys)
        {
            for (ulong modifier = 0; modifier < 8; modifier++)
                codes.Add(Execute(key.Data.Item1, LowPointer, modifier));
        }

        Assert.Equal(32, codes.Count);
    }

    [Fact]
    public void Tag_is_kept_and_takes_part_where_the_top_byte_is_ignored()
    {
        const ulong Tagged = LowPointer | 0xa5UL << 56;
        static void IgnoreTopByte(GuestProgram guest) => guest.Cpu->TcrEl1 |= Tbi0;
        var signed = Execute(Pacda, Tagged, Modifier, IgnoreTopByte);
        Assert.NotEqual(Tagged, signed);
        Assert.Equal(0UL, (signed ^ Tagged) & ~LowerCode);
        Assert.Equal(Tagged, Execute(Autda, signed, Modifier, IgnoreTopByte));
        Assert.Equal((Tagged | 1UL << 53) ^ (1UL << 60), Execute(Autda, signed ^ (1UL << 60), Modifier, IgnoreTopByte));
    }

    [Fact]
    public void Tbid_takes_the_tag_back_for_instruction_addresses_only()
    {
        static void Both(GuestProgram guest) => guest.Cpu->TcrEl1 |= Tbi0 | Tbid0;
        Assert.NotEqual(0UL, Enumerable.Range(0, 8).Aggregate(0UL, (seen, i) => seen | Execute(Pacia, LowPointer, (ulong)i, Both)) & TopByte);
        Assert.Equal(0UL, Enumerable.Range(0, 8).Aggregate(0UL, (seen, i) => seen | Execute(Pacda, LowPointer, (ulong)i, Both)) & TopByte);
    }

    [Theory]
    [InlineData(1UL << 45)]
    [InlineData(1UL << 60)]
    public void Signing_what_is_no_address_gives_no_valid_pointer(ulong stray)
    {
        var signed = Execute(Pacia, LowPointer | stray, Modifier);
        Assert.Equal(LowPointer | 1UL << 61, Execute(Autia, signed, Modifier));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void Keys_that_are_off_leave_pointers_alone(uint sign, uint authenticate, ulong errorCode)
    {
        _ = errorCode;
        static void Off(GuestProgram guest) => guest.Cpu->SctlrEl1 &= ~AllKeys;
        Assert.Equal(LowPointer, Execute(sign, LowPointer, Modifier, Off));
        Assert.Equal(LowPointer | 1UL << 50, Execute(authenticate, LowPointer | 1UL << 50, Modifier, Off));
    }

    [Theory]
    [InlineData(Xpaci)]
    [InlineData(0xdac147e0u)] // xpacd x0
    public void Stripping_restores_without_the_key(uint strip)
    {
        Assert.Equal(LowPointer, Execute(strip, Execute(Pacia, LowPointer, Modifier), 0, guest => ChangeKeys(guest.Cpu)));
        Assert.Equal(HighPointer, Execute(strip, Execute(Pacia, HighPointer, Modifier), 0));
    }

    [Fact]
    public void Generic_code_is_stable_and_depends_on_operands_and_key()
    {
        var code = Execute(Pacga, 0, LowPointer, guest => guest.Cpu->X[2] = Modifier);

        // Signed pointers are in snapshots: the algorithm may never change.
        Assert.Equal(PinnedCode, code);
        Assert.NotEqual(code, Execute(Pacga, 0, LowPointer + 1, guest => guest.Cpu->X[2] = Modifier));
        Assert.NotEqual(code, Execute(Pacga, 0, LowPointer, guest => guest.Cpu->X[2] = Modifier + 1));
        Assert.NotEqual(code, Execute(Pacga, 0, LowPointer, guest =>
        {
            guest.Cpu->X[2] = Modifier;
            ChangeKeys(guest.Cpu);
        }));
    }

    [Theory]
    [InlineData(0xd503233fu, 0xd50323bfu, true)] // paciasp, autiasp
    [InlineData(0xd503237fu, 0xd50323ffu, true)] // pacibsp, autibsp
    [InlineData(0xd503231fu, 0xd503239fu, false)] // paciaz, autiaz
    public void Hints_sign_the_link_register(uint sign, uint authenticate, bool usesStack)
    {
        using var guest = Create(CpuFeatures.All, sign, GuestProgram.Hvc0, authenticate, GuestProgram.Hvc0, authenticate, GuestProgram.Hvc0);
        guest.Cpu->X[30] = LowPointer;
        guest.Cpu->Sp[1] = 0x4000_1000;
        guest.Run();
        var signed = guest.Cpu->X[30];
        Assert.NotEqual(LowPointer, signed);
        guest.Run();
        Assert.Equal(LowPointer, guest.Cpu->X[30]);
        guest.Cpu->X[30] = signed;
        guest.Cpu->Sp[1] += 16;
        guest.Run();
        Assert.Equal(usesStack, guest.Cpu->X[30] != LowPointer);
    }

    [Fact]
    public void Hints_on_x17_agree_with_the_register_form()
    {
        using var guest = Create(CpuFeatures.All, 0xd503211f, GuestProgram.Hvc0, 0xd503219f, GuestProgram.Hvc0); // pacia1716, autia1716
        guest.Cpu->X[17] = LowPointer;
        guest.Cpu->X[16] = Modifier;
        guest.Run();
        Assert.Equal(Execute(Pacia, LowPointer, Modifier), guest.Cpu->X[17]);
        guest.Run();
        Assert.Equal(LowPointer, guest.Cpu->X[17]);
    }

    [Fact]
    public void Without_the_feature_hints_do_nothing_and_the_rest_is_undefined()
    {
        var without = CpuFeatures.All.Without(Feature.PAUTH);
        using var guest = Create(without, 0xd503233f, 0xd50320ff, GuestProgram.Hvc0); // paciasp, xpaclri
        guest.Cpu->X[30] = LowPointer | 1UL << 45;
        guest.Run();
        Assert.Equal(LowPointer | 1UL << 45, guest.Cpu->X[30]);

        using var undefined = Create(without, Pacia);
        undefined.StopAtVectors();
        undefined.Run();
        Assert.Equal(0x0200_0000UL, undefined.Cpu->EsrEl1);

        using var key = Create(without, 0xd5182100); // msr APIAKeyLo_EL1, x0
        Assert.Equal(ExitReason.SystemRegister, key.Run());
    }

    [Theory]
    [InlineData(Xpaci, false)]
    [InlineData(0xd50320ffu, false)] // xpaclri
    [InlineData(0xd503233fu, true)] // paciasp with its key off
    public void Stripping_and_disabled_keys_do_not_trap(uint word, bool keysOff)
    {
        using var guest = Create(CpuFeatures.All, word, GuestProgram.Hvc0);
        guest.Cpu->TrapPauth = 1;
        guest.Cpu->X[30] = LowPointer;
        if (keysOff)
            guest.Cpu->SctlrEl1 &= ~AllKeys;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(LowPointer, guest.Cpu->X[30]);
    }

    [Theory]
    [InlineData(Pacia)]
    [InlineData(Pacga)]
    [InlineData(0xd503233fu)] // paciasp
    [InlineData(0xd65f0bffu)] // retaa
    public void Hypervisor_can_trap_it(uint word)
    {
        using var guest = Create(CpuFeatures.All, word);
        guest.Cpu->TrapPauth = 1;
        Assert.Equal(ExitReason.PauthTrap, guest.Run());
        Assert.Equal(0x2600_0000u, guest.Cpu->Exit.Esr);
        Assert.Equal(GuestProgram.Start, guest.Cpu->Pc);
    }

    [Fact]
    public void Key_registers_hold_their_halves()
    {
        // msr APIAKeyLo_EL1, x0; mrs x1, APIAKeyLo_EL1; msr APGAKeyHi_EL1, x2; mrs x3, APGAKeyHi_EL1
        using var guest = Create(CpuFeatures.All, 0xd5182100, 0xd5382101, 0xd5182322, 0xd5382323, GuestProgram.Hvc0);
        guest.Cpu->X[0] = 5;
        guest.Cpu->X[2] = 6;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(5UL, guest.Cpu->X[1]);
        Assert.Equal(6UL, guest.Cpu->X[3]);
        Assert.Equal(5UL, guest.Cpu->PointerKeys[0]);
        Assert.Equal(6UL, guest.Cpu->PointerKeys[9]);
    }

    [Theory]
    [InlineData(0xd71f0801u, false)] // braa x0, x1
    [InlineData(0xd73f0801u, true)] // blraa x0, x1
    public void Branches_authenticate_first(uint word, bool links)
    {
        const ulong Target = GuestProgram.Start + 0x100;
        using var guest = Create(CpuFeatures.All, word);
        guest.Write(Target, GuestProgram.Hvc0);
        guest.Cpu->X[0] = Execute(Pacia, Target, Modifier);
        guest.Cpu->X[1] = Modifier;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(Target + 4, guest.Cpu->Pc);
        Assert.Equal(links ? GuestProgram.Start + 4 : 0, guest.Cpu->X[30]);
    }

    [Fact]
    public void Branch_to_a_forged_pointer_faults_at_the_corrupted_address()
    {
        using var guest = Create(CpuFeatures.All, 0xd65f0bff); // retaa
        guest.StopAtVectors();
        guest.Cpu->X[30] = GuestProgram.Start + 0x100;
        guest.Run();
        Assert.Equal(GuestProgram.Start + 0x100 | 1UL << 61, guest.Cpu->FarEl1);
        Assert.Equal(guest.Cpu->FarEl1, guest.Cpu->ElrEl1);
        Assert.Equal(0x8600_0004UL, guest.Cpu->EsrEl1);
    }

    [Fact]
    public void Exception_return_authenticates_the_link_register_of_the_exception()
    {
        const ulong Target = GuestProgram.Start + 0x100;
        using var guest = Create(CpuFeatures.All, 0xd69f0bff); // eretaa
        guest.Write(Target, GuestProgram.Hvc0);
        guest.Cpu->Sp[1] = Modifier & ~15UL;
        guest.Cpu->ElrEl1 = Execute(Pacia, Target, Modifier & ~15UL);
        guest.Cpu->SpsrEl1 = 0x3c5;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(Target + 4, guest.Cpu->Pc);
    }

    [Fact]
    public void Loads_authenticate_and_write_the_plain_address_back()
    {
        const ulong Data = GuestProgram.Start + 0x10_0000;
        var signed = Execute(Pacda, Data, 0);
        using var guest = Create(CpuFeatures.All, 0xf87ff422, GuestProgram.Hvc0); // ldraa x2, [x1, #-8]
        guest.Write(Data - 8, 11, 0);
        guest.Cpu->X[1] = signed;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(11UL, guest.Cpu->X[2]);
        Assert.Equal(signed, guest.Cpu->X[1]);

        using var second = Create(CpuFeatures.All, 0xf8a02c22, GuestProgram.Hvc0); // ldrab x2, [x1, #16]!
        second.Write(Data + 16, 14, 0);
        second.Cpu->X[1] = Execute(0xdac10c20, Data, 0);
        Assert.Equal(ExitReason.Hvc, second.Run());
        Assert.Equal(14UL, second.Cpu->X[2]);
        Assert.Equal(Data + 16, second.Cpu->X[1]);
    }

    /// <summary>X0 after an instruction, with the given X0 and X1.</summary>
    private static ulong Execute(uint word, ulong x0, ulong x1, Action<GuestProgram>? prepare = null)
    {
        using var guest = Create(CpuFeatures.All, word, GuestProgram.Hvc0);
        guest.Cpu->X[0] = x0;
        guest.Cpu->X[1] = x1;
        prepare?.Invoke(guest);
        Assert.Equal(ExitReason.Hvc, guest.Run());
        return guest.Cpu->X[0];
    }

    private static GuestProgram Create(CpuFeatures features, params ReadOnlySpan<uint> words)
    {
        var guest = new GuestProgram(features, words);
        guest.MapIdentity();
        guest.Cpu->TcrEl1 |= 25 << 16;
        guest.Cpu->SctlrEl1 |= AllKeys;
        for (var i = 0; i < 10; i++)
            guest.Cpu->PointerKeys[i] = 0x9e37_79b9_7f4a_7c15 * (ulong)(i + 1);
        return guest;
    }

    private static void ChangeKeys(CpuState* cpu)
    {
        for (var i = 0; i < 10; i++)
            cpu->PointerKeys[i] ^= 1;
    }
}
