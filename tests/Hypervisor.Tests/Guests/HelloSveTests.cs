using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>hello-sve in a real Hypervisor process, seen from its console.</summary>
public sealed class HelloSveTests
{
    private static readonly int[] PowersOfTwo = [128, 256, 512, 1024, 2048];
    private static readonly int[] All = [.. Enumerable.Range(1, 16).Select(vq => 128 * vq)];

    /// <summary>Host profile, the VM's set (null: whatever the profile offers), and the set that the guest must find.</summary>
    public static TheoryData<string, int[]?, int[]> Profiles => new()
    {
        { "max-pow2", [128, 256, 512], [128, 256, 512] },
        { "max-pow2", null, PowersOfTwo },
        { "max-pow2", [128], [128] },
        { "max", null, All },
        { "max", [128, 256, 384], [128, 256, 384] },
        { "a64fx", null, [128, 256, 512] },
        { "neoverse-v1", null, [128, 256] },
        { "neoverse-v2", null, [128] },
    };

    [Theory]
    [MemberData(nameof(Profiles))]
    public async Task Guest_finds_the_vector_lengths_it_was_given(string profile, int[]? requested, int[] expected)
    {
        var boot = await BootAsync(new HelloSveMachine(profile, requested));

        var lines = Regex.Matches(boot, @"^VL LEN=(\d+) bits=(\d+)$", RegexOptions.Multiline);
        Assert.Equal(
            Enumerable.Range(0, 16).Select(len => (len, expected.Last(bits => bits <= 128 * (len + 1)))),
            lines.Select(line => (Number(line.Groups[1]), Number(line.Groups[2]))));
        AssertChecksPassed(boot, $"daxpy ok n=1000 bits={expected[^1]}", "strlen ok", "reduce ok");
    }

    [Theory]
    [InlineData("neoverse-n1")]
    [InlineData("max-pow2")]
    public async Task Guest_without_sve_catches_the_undefined_instruction(string profile)
    {
        var boot = await BootAsync(new HelloSveMachine(profile, []));

        AssertChecksPassed(boot, "SVE absent", "daxpy ok n=1000 scalar");
        Assert.DoesNotContain("VL LEN", boot, StringComparison.Ordinal);
        // EC 0 (unknown reason) with IL, at an address inside the image.
        Assert.Matches(@"caught UNDEF ESR=02000000 ELR=00000000400[89a-f][0-9a-f]{4}\n", boot);
        Assert.Matches("ID_AA64ZFR0_EL1=0{16}\n", boot);
    }

    [Fact]
    public async Task A_fresh_build_behaves_as_the_kept_one()
    {
        var machine = new HelloSveMachine("max-pow2", [128, 256, 512]);

        var kept = await BootAsync(machine);
        var rebuilt = await BootAsync(machine with { KernelPath = await HelloSveImage.GetRebuiltPathAsync() });

        AssertChecksPassed(rebuilt, "daxpy ok n=1000 bits=512");
        Assert.Equal(kept, rebuilt);
    }

    [Fact]
    public async Task Every_cpu_checks_itself()
    {
        var boot = await BootAsync(new HelloSveMachine("max-pow2") { CpuCount = 4 });

        AssertChecksPassed(boot, "cpu 1 ok bits=2048", "cpu 2 ok bits=2048", "cpu 3 ok bits=2048", "smp ok cpus=4 exclusive=4000");
    }

    [Fact]
    public async Task Prompt_commands_answer()
    {
        var (process, console) = await StartAsync(new HelloSveMachine("max"));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        await console.WaitForPromptAsync();

        Assert.Contains("daxpy N - ", await console.RunAsync("help"), StringComparison.Ordinal);
        Assert.Equal("VL LEN=2 bits=384", await console.RunAsync("vl 384"));
        Assert.Equal("daxpy ok n=1234 bits=384", await console.RunAsync("daxpy 1234"));
        Assert.Equal("vl: give bits, a multiple of 128 from 128 to 2048", await console.RunAsync("vl 100"));
        Assert.Equal("unknown command 'nonsense'; try help", await console.RunAsync("nonsense"));
        Assert.Matches(@"\nregs ok checksum=[0-9a-f]{8}$", await console.RunAsync("regs"));
        Assert.Matches("read  of an unmapped page:  ESR=96000007 FAR=[0-9a-f]{13}000\nwrite to a read-only page:  ESR=9600004f", await console.RunAsync("fault"));
        Assert.DoesNotContain("FAIL", await console.RunAsync("test"), StringComparison.Ordinal);

        var start = console.Text.Length;
        await console.TypeAsync("hellp\b\x7fp\r");
        Assert.True(await console.WaitForAsync("daxpy N - ", start) > start);
    }

    [Fact]
    public async Task Regs_depend_on_the_commands_only()
    {
        string[] commands = ["vl 256", "daxpy 77", "test"];
        var outputs = new List<string>();
        for (var run = 0; run < 2; run++)
        {
            var (process, console) = await StartAsync(new HelloSveMachine("max-pow2"));
            await using var ownedProcess = process;
            await using var ownedConsole = console;
            await console.WaitForPromptAsync();
            foreach (var command in commands)
                await console.RunAsync(command);
            // Between the two, the second run lives through timer interrupts and other commands.
            if (run == 1)
                await console.RunAsync("spin 2000");
            outputs.Add(await console.RunAsync("regs"));
        }

        Assert.Contains("VL LEN=1 bits=256", outputs[0], StringComparison.Ordinal);
        Assert.Equal(outputs[0], outputs[1]);
    }

    [Fact]
    public async Task Control_registers_are_what_the_guest_prints()
    {
        var (process, console) = await StartAsync(new HelloSveMachine("max-pow2", [128, 256, 512]));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        await console.WaitForPromptAsync();
        var printed = await console.RunAsync("regs");

        var registers = await process.Client.RegistersAsync(0, TestContext.Current.CancellationToken);

        Assert.Equal(512, registers.VectorLengthBits);
        Assert.Contains($"X24={registers.X[24][2..]}", printed, StringComparison.Ordinal);
        for (var n = 0; n < 32; n++)
            Assert.Contains($"Z{n:00}={MostSignificantFirst(registers.Z[n][..32])} ", printed, StringComparison.Ordinal);
        // `regs` itself goes through P0 last and restores it.
        for (var n = 0; n < 16; n++)
            Assert.Contains($"P{n:00}={MostSignificantFirst(registers.P[n][..16])}\n", printed, StringComparison.Ordinal);
        Assert.Contains($"FFR={MostSignificantFirst(registers.Ffr![..16])}\n", printed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ticks_advance_while_the_cpu_sleeps()
    {
        var ct = TestContext.Current.CancellationToken;
        var (process, console) = await StartAsync(new HelloSveMachine("max-pow2"));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        await console.WaitForPromptAsync();

        var before = await process.Client.StatusAsync(ct);
        var first = await TicksAsync(console);
        var last = first;
        while (last < first + 5)
            last = await TicksAsync(console);
        var after = await process.Client.StatusAsync(ct);

        // The prompt's own output is a few thousand instructions a command; a guest that spins would retire millions.
        Assert.InRange((long)(after.RetiredInstructions - before.RetiredInstructions), 1, 2_000_000);
        await AssertIdleAsync(process.Client);
    }

    [Fact]
    public async Task Off_ends_the_process_with_a_record()
    {
        var (process, console) = await StartAsync(new HelloSveMachine("a64fx"));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        await console.WaitForPromptAsync();

        await console.TypeAsync("off\r");
        await process.WaitForExitAsync();

        var record = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(process.ExitRecordPath, TestContext.Current.CancellationToken), ControlJsonContext.Default.ExitRecord);
        Assert.Equal(MachineExitReason.GuestOff, record!.Reason);
        Assert.Contains("powering off", await File.ReadAllTextAsync(process.ConsoleLogPath, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Power_button_ends_the_guest_that_listens_to_it()
    {
        var ct = TestContext.Current.CancellationToken;
        var (process, console) = await StartAsync(new HelloSveMachine("a64fx"));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        await console.WaitForPromptAsync();
        Assert.True((await process.Client.StatusAsync(ct)).ListensForShutdown);

        await process.Client.PressPowerButtonAsync(ct);
        await process.WaitForExitAsync();

        var record = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(process.ExitRecordPath, ct), ControlJsonContext.Default.ExitRecord);
        Assert.Equal(MachineExitReason.GuestOff, record!.Reason);
        Assert.Contains("power button: powering off", await File.ReadAllTextAsync(process.ConsoleLogPath, ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Power_button_of_a_paused_guest_is_refused()
    {
        var ct = TestContext.Current.CancellationToken;
        var (process, console) = await HypervisorProcess.ConfigureAsync(new HelloSveMachine("a64fx"));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        await process.Client.StartAsync(ct);
        await process.Client.PauseAsync(ct);

        var refusal = await Assert.ThrowsAsync<HypervisorControlException>(() => process.Client.PressPowerButtonAsync(ct));

        Assert.Equal(ControlProtocol.ProblemCodes.InvalidState, refusal.Problem.Code);
    }

    [Fact]
    public async Task Reset_boots_anew()
    {
        var (process, console) = await StartAsync(new HelloSveMachine("a64fx"));
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        var boot = await console.WaitForPromptAsync();
        await console.RunAsync("vl 128");

        var start = console.Text.Length;
        await console.TypeAsync("reset\r");
        var resetting = await console.WaitForAsync("resetting\n", start);
        var end = await console.WaitForAsync("\n> ", resetting);

        Assert.Equal(boot, console.Text[resetting..end]);
        Assert.Equal(1, (await process.Client.StatusAsync(TestContext.Current.CancellationToken)).Resets);
    }

    internal static async Task<(HypervisorProcess Process, GuestConsole Console)> StartAsync(HelloSveMachine machine)
    {
        var (process, console) = await HypervisorProcess.ConfigureAsync(machine);
        await process.Client.StartAsync(TestContext.Current.CancellationToken);
        return (process, console);
    }

    private static async Task<string> BootAsync(HelloSveMachine machine)
    {
        var (process, console) = await StartAsync(machine);
        await using var ownedProcess = process;
        await using var ownedConsole = console;
        return await console.WaitForPromptAsync();
    }

    private static void AssertChecksPassed(string boot, params ReadOnlySpan<string> expected)
    {
        Assert.DoesNotContain("FAIL", boot, StringComparison.Ordinal);
        Assert.DoesNotContain("PANIC", boot, StringComparison.Ordinal);
        Assert.Contains("timer ok", boot, StringComparison.Ordinal);
        Assert.Contains("smp ok", boot, StringComparison.Ordinal);
        foreach (var line in expected)
            Assert.Contains(line, boot, StringComparison.Ordinal);
    }

    /// <summary>At 10 interrupts a second an idle guest retires some thousand instructions a second, not millions.</summary>
    private static async Task AssertIdleAsync(HypervisorClient client)
    {
        var ct = TestContext.Current.CancellationToken;
        var before = await client.StatusAsync(ct);
        var after = before;
        while (after.VirtualTimeMs < before.VirtualTimeMs + 500)
        {
            await Task.Delay(50, ct);
            after = await client.StatusAsync(ct);
        }

        var perSecond = (after.RetiredInstructions - before.RetiredInstructions) * 1000.0 / (after.VirtualTimeMs - before.VirtualTimeMs);
        Assert.InRange(perSecond, 100, 100_000);
    }

    private static async Task<int> TicksAsync(GuestConsole console) =>
        Number(Regex.Match(await console.RunAsync("ticks"), @"^ticks (\d+) ").Groups[1]);

    private static int Number(Group digits) => int.Parse(digits.Value, CultureInfo.InvariantCulture);

    /// <summary>Turns bytes as the control protocol has them, least significant first, into a number's digits.</summary>
    private static string MostSignificantFirst(string hex)
    {
        var bytes = Convert.FromHexString(hex);
        Array.Reverse(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
