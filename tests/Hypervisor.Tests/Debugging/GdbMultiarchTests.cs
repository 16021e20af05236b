using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Debugging;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Tests.Guests;
using CloudVm.Hypervisor.Tests.Machine;

namespace CloudVm.Hypervisor.Tests.Debugging;

/// <summary>Debian's gdb-multiarch on hello-sve: what a person would do.</summary>
public sealed class GdbMultiarchTests
{
    /// <summary>The first instruction of y += a*x, which the compiler has made a copy of for its one value of a.</summary>
    private const string InnerLoop = "*'daxpy.constprop.0'";

    [Fact]
    public async Task VectorRegistersAreReadAndWrittenAtEveryLength()
    {
        await using var session = await Session.StartAsync("max-pow2");
        var gdb = session.Gdb;
        await session.StopInDaxpyAsync();
        Assert.Equal("256", await gdb.PrintAsync("sizeof($z0)"));

        foreach (var bits in new[] { 128, 256, 512, 1024, 2048 })
        {
            await gdb.RunAsync($"set var $vg = {bits / 64}");
            Assert.Equal($"{bits / 64}", await gdb.PrintAsync("$vg"));
            Assert.Equal($"{(bits / 128) - 1}", await gdb.PrintAsync("$ZCR_EL1 & 15"));
            var last = (bits / 64) - 1;
            await gdb.RunAsync($"set var $z0.d.u[{last}] = 0x0123456789abcd00 + {last}");
            await gdb.RunAsync($"set var $p0[{(bits / 64) - 1}] = 0xa5");
            await gdb.RunAsync($"set var $ffr[{(bits / 64) - 1}] = 0x5a");

            // gdb must not answer out of what it remembers.
            await gdb.RunAsync("maintenance flush register-cache");
            Assert.Equal($"0x{0x0123456789abcd00 + last:x}", await gdb.PrintAsync($"/x $z0.d.u[{last}]"));
            Assert.Equal("0xa5", await gdb.PrintAsync($"/x $p0[{(bits / 64) - 1}]"));
            Assert.Equal("0x5a", await gdb.PrintAsync($"/x $ffr[{(bits / 64) - 1}]"));
        }

        await gdb.RunAsync("set var $v3.d.u[0] = 0x1122334455667788");
        Assert.Equal("0x1122334455667788", await gdb.PrintAsync("/x $z3.d.u[0]"));
        var before = await gdb.PrintAsync("$vg");
        Assert.Contains("Could not write register", await gdb.RunAsync("set var $vg = 6"), StringComparison.Ordinal);
        await gdb.RunAsync("maintenance flush register-cache");
        Assert.Equal(before, await gdb.PrintAsync("$vg"));
    }

    [Fact]
    public async Task DaxpyIsSteppedAndTheGuestGoesOnAfterwards()
    {
        await using var session = await Session.StartAsync("a64fx");
        var gdb = session.Gdb;
        await session.StopInDaxpyAsync();
        Assert.Equal("10", await gdb.PrintAsync("$x2"));
        Assert.Equal("8", await gdb.PrintAsync("$vg"));

        // To the first FMAD: x in Z1 (before it, y), a in Z2.
        await gdb.RunAsync("tbreak *($pc + 0x24)");
        Assert.Contains("Temporary breakpoint", await gdb.RunAsync("continue"), StringComparison.Ordinal);
        Assert.Contains("fmad", await gdb.RunAsync("x/i $pc"), StringComparison.Ordinal);
        Assert.Equal("{0, 1, 2, 3, 4, 5, 6, 7}", await gdb.PrintAsync("$z0.d.f"));
        Assert.Equal("{10, 9, 8, 7, 6, 5, 4, 3}", await gdb.PrintAsync("$z1.d.f"));
        Assert.Equal("{3, 3, 3, 3, 3, 3, 3, 3}", await gdb.PrintAsync("$z2.d.f"));
        Assert.Equal("{1, 1, 1, 1, 1, 1, 1, 1}", await gdb.PrintAsync("$p0"));
        await gdb.RunAsync("stepi");
        Assert.Equal("{10, 12, 14, 16, 18, 20, 22, 24}", await gdb.PrintAsync("$z0.d.f"));
        await gdb.RunAsync("stepi");
        Assert.Equal("10", await gdb.PrintAsync("((double *)$x0)[0]"));
        Assert.Equal("24", await gdb.PrintAsync("((double *)$x0)[7]"));
        Assert.Contains("sve_daxpy", await gdb.RunAsync("finish"), StringComparison.Ordinal);
        Assert.Contains("sve_daxpy", await gdb.RunAsync("backtrace"), StringComparison.Ordinal);

        await gdb.RunAsync("detach");
        await session.Console.WaitForAsync("daxpy ok n=10");
        await session.AnswersAsync();
    }

    [Fact]
    public async Task WatchpointsStopAtTheAccessAndLeaveMemoryAlone()
    {
        await using var session = await Session.StartAsync("a64fx");
        var gdb = session.Gdb;
        await session.StopInDaxpyAsync();
        await gdb.RunAsync("delete");
        var y = await gdb.PrintAsync("/x $x0");
        var x = await gdb.PrintAsync("/x $x1");

        // The tenth element is written by the second vector, in its last active lane.
        await gdb.RunAsync($"watch *(double *)({y} + 72)");
        var stop = await gdb.RunAsync("continue");
        Assert.Contains("Old value = 1", stop, StringComparison.Ordinal);
        Assert.Contains("New value = 28", stop, StringComparison.Ordinal);
        await gdb.RunAsync("delete");
        await gdb.RunAsync($"rwatch *(double *)({x} + 16)");
        await session.TypeAsync("daxpy 10");
        await gdb.RunAsync($"hbreak {InnerLoop}");
        Assert.Contains("Breakpoint", await gdb.RunAsync("continue"), StringComparison.Ordinal);
        stop = await gdb.RunAsync("continue");
        Assert.Contains("Value = 2", stop, StringComparison.Ordinal);
        Assert.Contains("ld1d", await gdb.RunAsync("x/i $pc - 4"), StringComparison.Ordinal);
        await gdb.RunAsync("delete");
        await gdb.RunAsync("detach");
        await session.AnswersAsync();
    }

    [Fact]
    public async Task WrittenMemoryAndCodeTakeEffect()
    {
        await using var session = await Session.StartAsync("a64fx");
        var gdb = session.Gdb;
        await session.StopInDaxpyAsync();
        await gdb.RunAsync("delete");

        // FMOV Z2.D, #3.0 becomes #2.0 although it has run before; the guest checks its results and must notice.
        Assert.Contains("fmov", await gdb.RunAsync("x/i $pc + 0x10"), StringComparison.Ordinal);
        await gdb.RunAsync("set var *(unsigned int *)($pc + 0x10) = 0x25f9c002");
        Assert.Contains("#2.0", await gdb.RunAsync("x/i $pc + 0x10"), StringComparison.Ordinal);
        await gdb.RunAsync("detach");
        await session.Console.WaitForAsync("element");
        await session.AnswersAsync();
    }

    [Fact]
    public async Task BreakpointsAreNotInTheGuestsMemory()
    {
        await using var session = await Session.StartAsync("a64fx");
        var gdb = session.Gdb;
        await session.StopInDaxpyAsync();
        var address = Convert.ToUInt64((await gdb.PrintAsync("/x $pc"))[2..], 16);
        var before = new byte[4];
        Assert.True(session.Machine.Memory.TryRead(address, before));
        await gdb.RunAsync("set breakpoint always-inserted on");
        await gdb.RunAsync("stepi");
        var now = new byte[4];
        Assert.True(session.Machine.Memory.TryRead(address, now));

        Assert.Equal(before, now);
    }

    [Fact]
    public async Task ThreadsAreVcpusAndCtrlCStopsThem()
    {
        await using var session = await Session.StartAsync("a64fx", cpus: 2);
        var gdb = session.Gdb;
        var threads = await gdb.RunAsync("info threads");
        Assert.Contains("vCPU 0", threads, StringComparison.Ordinal);
        Assert.Contains("vCPU 1, off", threads, StringComparison.Ordinal);
        await gdb.RunAsync("thread 2");
        Assert.Equal("1", await gdb.PrintAsync("$MPIDR_EL1 & 0xff"));
        await gdb.RunAsync("thread 1");
        Assert.Equal("0", await gdb.PrintAsync("$MPIDR_EL1 & 0xff"));

        var running = await gdb.BeginAsync("continue");
        await session.AnswersAsync();
        await gdb.InterruptAsync();
        Assert.Contains("SIGINT", await gdb.FinishAsync(running), StringComparison.Ordinal);
        Assert.True(session.Server.IsStopped);
        Assert.Contains("retired instructions", await gdb.RunAsync("monitor counters"), StringComparison.Ordinal);
        Assert.Contains("0x40080000", await gdb.RunAsync("monitor translate 40080000"), StringComparison.Ordinal);

        // On the other CPU as well: smp starts it, and it computes.
        await session.TypeAsync("smp");
        await gdb.RunAsync("break secondary_main");
        Assert.Contains("Thread 2", await gdb.RunAsync("continue"), StringComparison.Ordinal);
        await gdb.RunAsync("delete");
        await gdb.RunAsync("detach");
        await session.AnswersAsync();
    }

    [Fact]
    public async Task GuestGoesOnWhenGdbIsKilledOrKills()
    {
        await using var session = await Session.StartAsync("a64fx");
        await session.StopInDaxpyAsync();
        await session.Gdb.KillAsync();
        await session.AnswersAsync();
        while (session.Server.IsAttached)
            await Task.Delay(10, TestContext.Current.CancellationToken);

        await using var second = await GdbProcess.ConnectAsync(await HelloSveImage.GetPathWithSymbolsAsync(), session.SocketPath);
        await second.RunAsync("kill");
        await session.AnswersAsync();
        Assert.Equal(MachineState.Running, session.Machine.State);
        Assert.False(session.Machine.Ended.IsCompleted);
    }

    [Fact]
    public async Task MachineThatHasNotStartedStopsAtItsFirstInstruction()
    {
        await using var session = await Session.StartAsync("a64fx", started: false);
        Assert.Equal("0x40080000", await session.Gdb.PrintAsync("/x $pc"));
        await session.Gdb.RunAsync("break main");
        session.Machine.Start();
        Assert.Contains("main", await session.Gdb.RunAsync("continue"), StringComparison.Ordinal);
        await session.Gdb.RunAsync("delete");
        await session.Gdb.RunAsync("detach");
        await session.AnswersAsync();
    }

    [Fact]
    public async Task OwnerMayPauseAndResumeAMachineThatIsDebugged()
    {
        await using var session = await Session.StartAsync("a64fx");
        session.Machine.Pause();
        session.Machine.Resume();
        var retired = session.Machine.ReadStatus().RetiredInstructions;
        Assert.Equal(retired, session.Machine.ReadStatus().RetiredInstructions);
        Assert.True(session.Server.IsStopped);

        session.Machine.Pause();
        var running = await session.Gdb.BeginAsync("continue");
        session.Machine.Resume();
        await session.AnswersAsync();
        await session.Gdb.InterruptAsync();
        await session.Gdb.FinishAsync(running);
        await session.Gdb.RunAsync("detach");
        await session.AnswersAsync();
    }

    /// <summary>hello-sve at its prompt with gdb attached.</summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("gdb-").FullName;

        private Session(GuestMachine machine)
        {
            Machine = machine;
            Console = new MachineConsole(machine);
            Server = new GdbServer(machine);
            SocketPath = Path.Combine(_folder, "gdb.sock");
            Server.ListenOn(SocketPath);
        }

        public GuestMachine Machine { get; }

        public MachineConsole Console { get; }

        public GdbServer Server { get; }

        public string SocketPath { get; }

        public GdbProcess Gdb { get; private set; } = null!;

        public static async Task<Session> StartAsync(string profile, int cpus = 1, bool started = true)
        {
            var program = await HelloSveImage.GetPathWithSymbolsAsync();
            var session = new Session(GuestMachine.Create(
                new MachineDefinition
                {
                    VmId = Guid.CreateVersion7(),
                    HostProfile = new HostProfileDefinition { Name = profile },
                    CpuCount = cpus,
                    MemoryMiB = 16,
                    SveEnabled = true,
                    Boot = new BootSource { KernelPath = program },
                },
                TimeProvider.System));
            try
            {
                if (started)
                {
                    session.Machine.Start();
                    await session.Console.WaitForAsync("\n> ");
                }

                session.Gdb = await GdbProcess.ConnectAsync(program, session.SocketPath);
                return session;
            }
            catch
            {
                await session.DisposeAsync();
                throw;
            }
        }

        /// <summary>Types a command, which the guest sees when it goes on.</summary>
        public Task TypeAsync(string line)
        {
            Console.Type(line);
            return Task.CompletedTask;
        }

        /// <summary>Has the guest compute ten elements, and stops it at the loop.</summary>
        public async Task StopInDaxpyAsync()
        {
            await TypeAsync("daxpy 10");
            await Gdb.RunAsync($"break {InnerLoop}");
            Assert.Contains("Breakpoint 1,", await Gdb.RunAsync("continue"), StringComparison.Ordinal);
        }

        /// <summary>The guest runs: it answers a command.</summary>
        public async Task AnswersAsync()
        {
            await TypeAsync("ticks");
            await Console.WaitForAsync(" counter ");
        }

        public async ValueTask DisposeAsync()
        {
            if (Gdb is not null)
                await Gdb.DisposeAsync();
            await Server.DisposeAsync();
            await Machine.DisposeAsync();
            Directory.Delete(_folder, recursive: true);
        }
    }
}
