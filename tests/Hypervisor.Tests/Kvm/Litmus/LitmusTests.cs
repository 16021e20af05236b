namespace CloudVm.Hypervisor.Tests.Kvm.Litmus;

/// <summary>
/// What several vCPUs may see of each other's accesses: message passing, store buffering, load buffering, independent reads of
/// independent writes. With the barriers given here the architecture forbids one outcome of each; without them, store buffering shows it,
/// which proves that the rounds really overlap.
/// </summary>
public sealed class LitmusTests(ITestOutputHelper output)
{
    private const int Batch = 1024;

    // W: store 1; R: load; the digit tells X (0) from Y (1); the last letter of a load tells the register, X15 or X16.
    private const uint W0 = 0xf9000189;
    private const uint W1 = 0xf90001a9;
    private const uint R0a = 0xf940018f;
    private const uint R1a = 0xf94001af;
    private const uint R0b = 0xf9400190;
    private const uint R1b = 0xf94001b0;
    private const uint Release0 = 0xc89ffd89;
    private const uint Release1 = 0xc89ffda9;
    private const uint Acquire0a = 0xc8dffd8f;
    private const uint Acquire1a = 0xc8dffdaf;
    private const uint Acquire0b = 0xc8dffd90;
    private const uint Acquire1b = 0xc8dffdb0;
    private const uint Dmb = 0xd5033bbf;
    private const uint DmbStore = 0xd5033abf;
    private const uint DmbLoad = 0xd50339bf;

    /// <summary>Programs, and the outcome that must not be: the values of X15 and X16 of every vCPU that loads.</summary>
    private static readonly Dictionary<string, (uint[][] Programs, Func<(ulong A, ulong B)[], bool> IsForbidden)> Tests = new()
    {
        ["MP+dmbs"] = ([[W0, DmbStore, W1], [R1a, DmbLoad, R0b]], r => r[1] == (1, 0)),
        ["MP+stlr+ldar"] = ([[W0, Release1], [Acquire1a, R0b]], r => r[1] == (1, 0)),
        ["SB+dmbs"] = ([[W0, Dmb, R1a], [W1, Dmb, R0a]], r => r[0].A == 0 && r[1].A == 0),
        ["SB+stlr+ldar"] = ([[Release0, Acquire1a], [Release1, Acquire0a]], r => r[0].A == 0 && r[1].A == 0),
        ["LB+dmbs"] = ([[R0a, Dmb, W1], [R1a, Dmb, W0]], r => r[0].A == 1 && r[1].A == 1),
        ["IRIW+dmbs"] = ([[W0], [W1], [R0a, Dmb, R1b], [R1a, Dmb, R0b]], r => r[2] == (1, 0) && r[3] == (1, 0)),
        ["IRIW+ldar"] = ([[Release0], [Release1], [Acquire0a, Acquire1b], [Acquire1a, Acquire0b]], r => r[2] == (1, 0) && r[3] == (1, 0)),
    };

    public static TheoryData<string> Names => [.. Tests.Keys];

    private static bool IsLong => Environment.GetEnvironmentVariable("CLOUDVM_TEST_LONG") is { Length: > 0 };

    private static int Rounds => IsLong ? 1_000_000 : 20_000;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Forbidden_outcome_never_occurs(string name)
    {
        var (programs, isForbidden) = Tests[name];
        var outcomes = await RunAsync(programs, Rounds);
        Print(name, outcomes);
        Assert.Equal(0, outcomes.Where(o => isForbidden(Unpack(o.Key))).Sum(o => o.Value));
    }

    /// <summary>
    /// The control experiment: without barriers each store may wait in a buffer while the load goes ahead. A host with one CPU cannot show it.
    /// </summary>
    [Fact]
    public async Task Store_buffering_is_seen_where_nothing_forbids_it()
    {
        var maximumTries = Environment.ProcessorCount > 1 ? 50 : 1;
        for (var tries = 1; ; tries++)
        {
            var outcomes = await RunAsync([[W0, R1a], [W1, R0a]], 20_000);
            Print("SB", outcomes);
            if (outcomes.Any(o => Unpack(o.Key) is [{ A: 0 }, { A: 0 }]))
                return;
            if (tries < maximumTries)
                continue;
            Assert.True(Environment.ProcessorCount == 1, "Two vCPUs never overlapped: the other tests prove nothing.");
            return;
        }
    }

    private static async Task<Dictionary<string, long>> RunAsync(uint[][] programs, int rounds)
    {
        using var machine = new LitmusMachine(programs.Length);
        for (var vcpu = 0; vcpu < programs.Length; vcpu++)
        {
            machine.Load(vcpu, Program(programs[vcpu]),
                (0, LitmusMachine.X), (1, LitmusMachine.Y), (2, ResultsOf(vcpu)), (3, (ulong)Batch), (5, LitmusMachine.Arrived),
                (6, (ulong)programs.Length), (7, LitmusMachine.Meeting), (9, 1UL));
        }

        var outcomes = new Dictionary<string, long>();
        await machine.RunAsync((rounds + Batch - 1) / Batch, () =>
        {
            for (ulong round = 0; round < Batch; round++)
            {
                var key = string.Join(' ', Enumerable.Range(0, programs.Length)
                    .Select(v => $"{machine.Peek(ResultsOf(v) + (round * 16))},{machine.Peek(ResultsOf(v) + (round * 16) + 8)}"));
                outcomes[key] = outcomes.GetValueOrDefault(key) + 1;
            }

            machine.Clear(LitmusMachine.X, Batch * LitmusMachine.VariableStride);
            machine.Clear(LitmusMachine.Y, Batch * LitmusMachine.VariableStride);
            machine.Clear(LitmusMachine.Meeting, Batch * LitmusMachine.VariableStride);
            machine.Clear(LitmusMachine.Arrived, 8);
        });
        return outcomes;
    }

    /// <summary>
    /// A batch: wait until every vCPU is there, then once per round the accesses on the round's own X and Y. Before them all meet at the
    /// round's own counter, but nobody waits there for a vCPU that the host has put aside.
    /// </summary>
    private static uint[] Program(uint[] body)
    {
        // ldaddal x9, x10, [x5]; 1: ldar x10, [x5]; cmp x10, x6; b.lo 1b; mov x12, x0; mov x13, x1; mov x14, x2; mov x11, x3; mov x17, x7
        uint[] start = [0xf8e900aa, 0xc8dffcaa, 0xeb06015f, 0x54ffffc3, 0xaa0003ec, 0xaa0103ed, 0xaa0203ee, 0xaa0303eb, 0xaa0703f1];

        // mov x15, #0; mov x16, #0; ldadd x9, x18, [x17]; mov x19, #200; 1: ldr x18, [x17]; cmp x18, x6; b.hs 2f; subs x19, x19, #1; b.ne 1b; 2:
        uint[] meet = [0xd280000f, 0xd2800010, 0xf8290232, 0xd2801913, 0xf9400232, 0xeb06025f, 0x54000062, 0xf1000673, 0x54ffff81];

        // BODY; stp x15, x16, [x14]; add x12, x12, #64; add x13, x13, #64; add x14, x14, #16; add x17, x17, #64; subs x11, x11, #1
        uint[] round = [.. meet, .. body, 0xa90041cf, 0x9101018c, 0x910101ad, 0x910041ce, 0x91010231, 0xf100056b];
        var again = 0x54000001u | (((uint)-round.Length & 0x7ffff) << 5); // b.ne to the round

        // str xzr, [x4]; b to the start
        var restart = 0x14000000u | ((uint)-(start.Length + round.Length + 2) & 0x3ffffff);
        return [.. start, .. round, again, 0xf900009f, restart];
    }

    private static ulong ResultsOf(int vcpu) => LitmusMachine.Results + ((ulong)vcpu * LitmusMachine.ResultStride);

    private static (ulong A, ulong B)[] Unpack(string outcome) =>
        [.. outcome.Split(' ').Select(p => p.Split(',')).Select(p => (ulong.Parse(p[0], null), ulong.Parse(p[1], null)))];

    private void Print(string name, Dictionary<string, long> outcomes) =>
        output.WriteLine($"{name}: {string.Join("; ", outcomes.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"[{o.Key}] {o.Value}"))}");
}
