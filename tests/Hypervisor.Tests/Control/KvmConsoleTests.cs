using System.Diagnostics;

namespace CloudVm.Hypervisor.Tests.Control;

/// <summary>The <c>kvm</c> console, as a process that scripts drive through pipes.</summary>
public sealed class KvmConsoleTests
{
    private const string X1 = "6030000000100002";
    private const string X2 = "6030000000100004";
    private const string Pc = "6030000000100040";
    private const string Vls = "606000000015ffff";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnSveVcpuIsMadeStepByStep()
    {
        var small = "0b" + new string('0', 126);
        var answers = await RunAsync(
            "--host-cpus 1,2,4;1,2,4,8",
            "create-vm",
            "check-extension 170",
            "preferred-target",
            "create-vcpu 0",
            "create-vcpu 0",
            $"get-reg 0 {Pc}",
            "init 0 target=5 features=0x10",
            $"get-reg 0 {Vls}",
            "run 0 immediate-exit",
            "reg-list 0",
            $"set-reg 0 {Vls} 01{new string('0', 126)}",
            $"set-reg 0 {Vls} {small}",
            $"set-reg 0 {Vls} null",
            "finalize 0 4",
            "finalize 0 4",
            $"set-reg 0 {Vls} {small}",
            "reg-list 0 n=3",
            "reg-list 0 n=null",
            "run 0 immediate-exit");

        Assert.Equal(
            [
                "ok", "ok 1", "ok target=5 features=0x0", "ok", "EEXIST", "ENOEXEC", "ok", $"ok {small}", "EPERM", "EPERM",
                "ok", "ok", "EFAULT", "ok", "EPERM", "EPERM", "E2BIG n=278", "EFAULT", "EINTR",
            ],
            answers);
    }

    [Fact]
    public async Task ARegisterListIsOneLineOfIds()
    {
        var answers = await RunAsync("--host-profile a64fx", "create-vm", "create-vcpu 0", "init 0 target=5 features=0x10", "finalize 0 4", "reg-list 0");

        var ids = answers[^1].Split(' ');
        Assert.Equal(("ok", 279, "6030000000100000"), (ids[0], ids.Length, ids[1]));
        Assert.Contains(Vls, ids);
        Assert.All(ids.Skip(1), id => Assert.Matches("^[0-9a-f]{16}$", id));
    }

    /// <summary>str w1, [x1]; ldrsh x2, [x1]; hvc #0 with PSCI SYSTEM_OFF in x0.</summary>
    [Fact]
    public async Task ABareMetalProgramRunsExitByExit()
    {
        var file = Path.Combine(Path.GetTempPath(), $"cvm-console-{Guid.NewGuid():n}.bin");
        await File.WriteAllBytesAsync(file, Convert.FromHexString("210000b92200807902" + "0000d4"), Cancelled);
        try
        {
            var answers = await RunAsync(
                "",
                "create-vm",
                "memory 0 0x40000000 0x100000",
                $"load 0x40000000 \"{file}\"",
                "read 0x40000004 4",
                "create-vcpu 0",
                "init 0 target=5 features=0x4",
                $"set-reg 0 {X1} 0000000900000000",
                "set-reg 0 6030000000100000 0800008400000000",
                $"set-reg 0 {Pc} 0000004000000000",
                "mmio-data 0 1234",
                "run 0",
                "run 0",
                "mmio-data 0 12",
                "mmio-data 0 fe84",
                "run 0 immediate-exit",
                $"get-reg 0 {X2}",
                "run 0",
                "counters 0");

            Assert.Equal("ok 12", answers[2]);
            Assert.Equal("ok 22008079", answers[3]);
            Assert.Equal("error: the vCPU waits for no MMIO read; it is written: mmio-data VCPU BYTES", answers[9]);
            Assert.Equal("ok exit_reason=6 MMIO phys_addr=0x9000000 len=4 is_write=1 data=00000009", answers[10]);
            Assert.Equal("ok exit_reason=6 MMIO phys_addr=0x9000000 len=2 is_write=0", answers[11]);
            Assert.StartsWith("error: the data are 1 bytes; 2 are needed", answers[12], StringComparison.Ordinal);
            Assert.Equal("ok", answers[13]);
            Assert.Equal(["EINTR", "ok fe84ffffffffffff", "ok exit_reason=24 SYSTEM_EVENT type=1"], answers[14..17]);
            Assert.Contains(" exits-hvc=1 ", answers[17], StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task NullIsAPointerThatCannotBeUsed()
    {
        var answers = await RunAsync(
            "",
            "create-vm", "create-vcpu 0", "preferred-target null", "enable-cap null", "writable-masks null", "get-reg 0 null", "init 0 null",
            "init 0 target=5", "get-reg 0 null", "set-reg 0 null", "set-reg 0 null null", $"get-reg 0 {Pc} null", $"set-reg 0 {Pc} null",
            "reg-list 0 null", "set-events 0 null", "set-mp-state 0 null", "finalize 0 null", "finalize 0 0xffffffff");

        Assert.Equal(["ok", "ok", "EFAULT", "EFAULT", "EFAULT", "ENOEXEC", "EFAULT", "ok"], answers[..8]);
        Assert.All(answers[8..^1], answer => Assert.Equal("EFAULT", answer));
        Assert.Equal("EINVAL", answers[^1]);
    }

    /// <summary>Every malformed line gets one line with every reason, and the next one is carried out.</summary>
    [Theory]
    [InlineData("frobnicate 1", "error: there is no call 'frobnicate'; help lists every call")]
    [InlineData("create-vm now please", "error: 'now' is not understood; 'please' is not understood; it is written: create-vm")]
    [InlineData("init 0 features=zz,1 bogus", "error: target is missing; features is 'zz', not a number; 'bogus' is not understood; it is written: init VCPU target=N [features=N[,N...]]")]
    [InlineData("get-reg 7 0", "error: there is no vCPU 7; create-vcpu makes one; it is written: get-reg VCPU ID [null]")]
    [InlineData("get-reg 0 xyz", "error: the register id is 'xyz', not a hexadecimal number of at most 16 digits; it is written: get-reg VCPU ID [null]")]
    [InlineData("set-reg 0 6030000000100000 012", "error: the register's bytes are not pairs of hexadecimal digits; it is written: set-reg VCPU ID BYTES|null")]
    [InlineData("set-reg 0 6030000000100000 01", "error: the register's bytes are 1 bytes; 8 are needed; it is written: set-reg VCPU ID BYTES|null")]
    [InlineData("memory 0", "error: the guest physical address is missing; the size is missing; it is written: memory SLOT GPA SIZE [flags=N] [userspace=ADDRESS]")]
    [InlineData("load 0x40000000 /no/such/file", "error: '/no/such/file' cannot be read: Could not find a part of the path '/no/such/file'.; it is written: load GPA FILE")]
    [InlineData("write 0x40000000 00", "error: 1 bytes at 0x40000000 do not lie in memory slots; it is written: write GPA BYTES")]
    [InlineData("check-extension 99999999999", "error: the capability is 99999999999; the most is 2147483647; it is written: check-extension CAPABILITY")]
    [InlineData("online-cpu \"1,3,x", "error: a quotation mark is not closed")]
    [InlineData("online-cpu 3,17", "error: '17' is no vector length: lengths are written as VQs, 1 to 16, for 128 to 2048 bits; Every SVE implementation has 128 bits; The architecture requires 256 bits below a maximum of 384; it is written: online-cpu \"VQ,VQ,...\" [midr=NUMBER]")]
    public async Task AMalformedLineIsAnsweredAndDoesNotEndIt(string line, string answer)
    {
        var answers = await RunAsync("", "create-vm", "create-vcpu 0", "init 0 target=5", line, "check-extension 70");

        Assert.Equal(["ok", "ok", "ok", answer, "ok 1"], answers);
    }

    [Fact]
    public async Task CommentsAndBlankLinesHaveNoAnswerAndHelpIsOneLine()
    {
        var answers = await RunAsync("", "# a comment", "", "   ", "check-extension 70 # ONE_REG", "help run", "help", "help nothing");

        Assert.Equal(4, answers.Length);
        Assert.Equal("ok 1", answers[0]);
        Assert.StartsWith("ok run VCPU [immediate-exit] [timeout=MS]: KVM_RUN", answers[1], StringComparison.Ordinal);
        string[] calls = ["create-vm", "set-reg", "get-reg", "reg-list", "writable-masks", "finalize", "memory", "load", "run", "set-events", "get-mp-state", "online-cpu", "counters"];
        Assert.Empty(calls.Except(answers[2]["ok ".Length..].Split("; ").Select(call => call.Split(' ')[0])));
        Assert.StartsWith("error: there is no call 'nothing'", answers[3], StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingBeforeAVmNeedsOneAndEverythingElseSaysSo()
    {
        var answers = await RunAsync("", "create-vcpu 0", "run 0", "read 0 1", "close-vm", "quit", "create-vm");

        Assert.Equal(5, answers.Length);
        Assert.All(answers[..4], answer => Assert.StartsWith("error: there is no VM; create-vm makes one", answer, StringComparison.Ordinal));
        Assert.Equal("ok", answers[4]);
    }

    [Fact]
    public async Task AScriptCannotTakeTheWholeMachine()
    {
        var answers = await RunAsync(
            "",
            [
                .. Enumerable.Repeat("create-vm", 50),
                "memory 0 0 0x40000000",
                "memory 1 0x40000000 0x1000",
                .. Enumerable.Range(0, 65).Select(id => $"create-vcpu {id}"),
                new string('x', 70_000),
                "check-extension 70",
            ]);

        Assert.All(answers[..51], answer => Assert.Equal("ok", answer));
        Assert.Equal("ENOMEM", answers[51]);
        Assert.All(answers[52..116], answer => Assert.Equal("ok", answer));
        Assert.Equal(["ENOMEM", "error: the line is longer than 65536 characters", "ok 1"], answers[116..]);
    }

    [Fact]
    public async Task LateCpusAndPoliciesFollowTheKernel()
    {
        var answers = await RunAsync(
            "--host-cpus 1,2,4,8;1,2,4,6,8",
            "host", "online-cpu \"1,2,4,6,8\"", "online-cpu 1,2,4,5,8", "online-cpu \"1,2,4\"", "log", "log", "host");

        Assert.Equal("ok cpus=1,2,4,8;1,2,4,6,8 common=1,2,4,8 partial=6 bound-bytes=80 guest=1,2,4 policy=upstream", answers[0]);
        Assert.Equal(["ok", "EIO", "EIO"], answers[1..4]);
        Assert.Equal(
            "ok CPU3 stays parked: it has the vector lengths 640 within the virtualisable bound, which the committed CPUs lack"
            + " | CPU3 stays parked: it lacks the committed vector lengths 1024",
            answers[4]);
        Assert.Equal("ok", answers[5]);
        Assert.StartsWith("ok cpus=1,2,4,8;1,2,4,6,8;1,2,4,6,8 common=1,2,4,8 ", answers[6], StringComparison.Ordinal);

        var strict = await RunAsync("--host-cpus 1,2,4,8;1,2,4,6,8 --policy strict-prefix", "host", "check-extension 170");
        Assert.Equal(["ok cpus=1,2,4,8;1,2,4,6,8 common=1,2,4,8 partial=6 bound-bytes=80 guest=none policy=strict-prefix", "ok 0"], strict);
    }

    /// <summary>b . : the signal comes, RUN is EINTR, and the console goes on.</summary>
    [Fact]
    public async Task AGuestThatNeverExitsIsInterrupted()
    {
        var answers = await RunAsync(
            "", "create-vm", "memory 0 0x40000000 0x1000", "write 0x40000000 00000014", "create-vcpu 0", "init 0 target=5",
            $"set-reg 0 {Pc} 0000004000000000", "run 0 timeout=50", $"get-reg 0 {Pc}", "run 0 timeout=0");

        Assert.Equal(["EINTR", "ok 0000004000000000", "EINTR"], answers[6..]);
    }

    [Fact]
    public async Task EachLineIsAnsweredBeforeTheNextIsRead()
    {
        using var console = Start("");
        for (var i = 0; i < 3; i++)
        {
            await console.StandardInput.WriteAsync("check-extension 70\n".AsMemory(), Cancelled);
            await console.StandardInput.FlushAsync(Cancelled);
            Assert.Equal("ok 1", await console.StandardOutput.ReadLineAsync(Cancelled));
        }

        console.StandardInput.Close();
        await console.WaitForExitAsync(Cancelled);
        Assert.Equal(0, console.ExitCode);
    }

    [Theory]
    [InlineData("--profile linux-2.4", "There is no ABI profile 'linux-2.4'")]
    [InlineData("--host-profile cray", "There is no built-in host profile 'cray'")]
    [InlineData("--host-cpus 1,2;1,99", "'99' is no vector length")]
    [InlineData("--host-cpus 1,8", "The architecture requires 256 bits")]
    [InlineData("--policy loose", "--policy is upstream or strict-prefix, not 'loose'")]
    [InlineData("--midr arm", "'arm' is no MIDR")]
    [InlineData("--host-profile a64fx --host-cpus 1", "exclude each other")]
    [InlineData("--bogus", "'--bogus' is not understood")]
    public async Task AnOptionThatIsNotUnderstoodIsNamed(string options, string reason)
    {
        using var console = Start(options);
        console.StandardInput.Close();
        var error = await console.StandardError.ReadToEndAsync(Cancelled);
        await console.WaitForExitAsync(Cancelled);

        Assert.Equal(2, console.ExitCode);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    private static async Task<string[]> RunAsync(string options, params string[] lines)
    {
        using var console = Start(options);
        var answers = console.StandardOutput.ReadToEndAsync(Cancelled);
        var errors = console.StandardError.ReadToEndAsync(Cancelled);
        await console.StandardInput.WriteAsync(string.Join('\n', lines).AsMemory(), Cancelled);
        console.StandardInput.Close();
        await console.WaitForExitAsync(Cancelled);

        Assert.Equal((0, string.Empty), (console.ExitCode, await errors));
        return (await answers).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static Process Start(string options) => Process.Start(
        new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor"),
            ["kvm", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
}
