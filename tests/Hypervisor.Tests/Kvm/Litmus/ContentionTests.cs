namespace CloudVm.Hypervisor.Tests.Kvm.Litmus;

/// <summary>Four vCPUs on one counter or one lock: nothing that any of them did may be lost.</summary>
public sealed class ContentionTests(ITestOutputHelper output)
{
    private const int Vcpus = 4;
    private const ulong Counter = LitmusMachine.X;
    private const ulong Owner = LitmusMachine.X + 0x100;
    private const ulong Guarded = LitmusMachine.X + 0x200;

    private static bool IsLong => Environment.GetEnvironmentVariable("CLOUDVM_TEST_LONG") is { Length: > 0 };

    private static ulong Rounds => IsLong ? 1_000_000UL : 20_000;

    [Fact]
    public async Task Exclusives_lose_no_increment()
    {
        // 1: ldxr x10, [x0]; add x10, x10, #1; stxr w11, x10, [x0]; cbnz w11, 1b; subs x3, x3, #1; b.ne 1b; str xzr, [x4]
        using var machine = await RunAsync([0xc85f7c0a, 0x9100054a, 0xc80b7c0a, 0x35ffffab, 0xf1000463, 0x54ffff61, 0xf900009f]);
        Assert.Equal(Vcpus * Rounds, machine.Peek(Counter));
    }

    [Fact]
    public async Task Lse_loses_no_increment()
    {
        // 1: ldadd x9, xzr, [x0]; subs x3, x3, #1; b.ne 1b; str xzr, [x4]
        using var machine = await RunAsync([0xf829001f, 0xf1000463, 0x54ffffc1, 0xf900009f]);
        Assert.Equal(Vcpus * Rounds, machine.Peek(Counter));
    }

    /// <summary>Both halves of 128 bits change together: the high one by three whenever the low one does by one.</summary>
    [Fact]
    public async Task Pair_compare_and_swap_is_one_access()
    {
        // 1: ldp x16, x17, [x0]; 2: mov x10, x16; mov x11, x17; add x12, x16, #1; add x13, x17, #3; mov x14, x16; mov x15, x17;
        // caspal x14, x15, x12, x13, [x0]; cmp x14, x10; ccmp x15, x11, #0, eq; mov x16, x14; mov x17, x15; b.ne 2b;
        // subs x3, x3, #1; b.ne 1b; str xzr, [x4]
        using var machine = await RunAsync(
            [
                0xa9404410, 0xaa1003ea, 0xaa1103eb, 0x9100060c, 0x91000e2d, 0xaa1003ee, 0xaa1103ef, 0x486efc0c, 0xeb0a01df, 0xfa4b01e0,
                0xaa0e03f0, 0xaa0f03f1, 0x54fffea1, 0xf1000463, 0x54fffe41, 0xf900009f,
            ]);
        Assert.Equal((Vcpus * Rounds, 3 * Vcpus * Rounds), (machine.Peek(Counter), machine.Peek(Counter + 8)));
    }

    /// <summary>A ticket lock as Linux had it, waiting by WFE on the exclusive monitor, around a counter that nothing else protects.</summary>
    [Fact]
    public async Task Ticket_lock_excludes()
    {
        // 1: ldadda x9, x10, [x0]; ldar x11, [x1]; cmp x11, x10; b.eq 3f; sevl; 2: wfe; ldaxr x11, [x1]; cmp x11, x10; b.ne 2b;
        // 3: ldr x12, [x2]; add x12, x12, #1; str x12, [x2]; add x11, x10, #1; stlr x11, [x1]; subs x3, x3, #1; b.ne 1b; str xzr, [x4]
        using var machine = await RunAsync(
            [
                0xf8a9000a, 0xc8dffc2b, 0xeb0a017f, 0x540000c0, 0xd50320bf, 0xd503205f, 0xc85ffc2b, 0xeb0a017f, 0x54ffffa1,
                0xf940004c, 0x9100058c, 0xf900004c, 0x9100054b, 0xc89ffc2b, 0xf1000463, 0x54fffe21, 0xf900009f,
            ]);
        Assert.Equal(Vcpus * Rounds, machine.Peek(Guarded));
        Assert.Equal(Vcpus * Rounds, machine.Peek(Owner));
    }

    private async Task<LitmusMachine> RunAsync(uint[] program)
    {
        var machine = new LitmusMachine(Vcpus);
        for (var vcpu = 0; vcpu < Vcpus; vcpu++)
            machine.Load(vcpu, program, (0, Counter), (1, Owner), (2, Guarded), (3, Rounds), (9, 1UL));
        var start = TimeProvider.System.GetTimestamp();
        await machine.RunAsync(1, () => { });
        output.WriteLine($"{Vcpus} vCPUs, {Rounds} rounds each: {TimeProvider.System.GetElapsedTime(start).TotalSeconds:F2} s");
        return machine;
    }
}
