using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>What several threads see of one domain.</summary>
public sealed class ThreadTests
{
    private const ulong Data = GuestProgram.Start + 0x10_0000;

    /// <summary>Two vCPUs on two threads increment one counter, one by LDXR/STXR and one by LDADD; no increment may be lost.</summary>
    [Fact]
    public async Task Increments_of_two_vcpus_are_never_lost()
    {
        const uint Rounds = 200_000;
        using var memory = new GuestMemory(GuestProgram.Start, 16 * 1024 * 1024);
        using var domain = new EngineDomain(memory, CpuFeatures.All, 2);

        // 1: ldxr x0, [x1]; add x0, x0, #1; stxr w2, x0, [x1]; cbnz w2, 1b; subs x5, x5, #1; b.ne 1b; hvc #0
        Write(memory, GuestProgram.Start, 0xc85f7c20, 0x91000400, 0xc8027c20, 0x35ffffa2, 0xf10004a5, 0x54ffff61, GuestProgram.Hvc0);

        // 1: ldaddal x6, x0, [x1]; subs x5, x5, #1; b.ne 1b; hvc #0
        Write(memory, GuestProgram.Start + 0x1000, 0xf8e60020, 0xf10004a5, 0x54ffffc1, GuestProgram.Hvc0);
        var first = Task.Factory.StartNew(() => Count(domain.CreateVcpu(0), GuestProgram.Start), TaskCreationOptions.LongRunning);
        var second = Task.Factory.StartNew(() => Count(domain.CreateVcpu(1), GuestProgram.Start + 0x1000), TaskCreationOptions.LongRunning);
        Assert.Equal([ExitReason.Hvc, ExitReason.Hvc], await Task.WhenAll(first, second).WaitAsync(TimeSpan.FromMinutes(2)));
        var total = new byte[8];
        Assert.True(memory.TryRead(Data, total));
        Assert.Equal(2UL * Rounds, BitConverter.ToUInt64(total));

        static unsafe ExitReason Count(IVcpuEngine engine, ulong pc)
        {
            var cpu = CpuState.Allocate();
            cpu->Pc = pc;
            cpu->El = 1;
            cpu->SpSel = 1;
            cpu->X[1] = Data;
            cpu->X[5] = Rounds;
            cpu->X[6] = 1;
            ExitReason reason;
            do
                reason = engine.Run(cpu, 100_000);
            while (reason == ExitReason.Budget);
            CpuState.Free(cpu);
            return reason;
        }
    }

    [Fact]
    public async Task Request_from_another_thread_ends_an_endless_loop()
    {
        // b .
        using var guest = new GuestProgram(0x14000000);
        var run = Task.Factory.StartNew(() => guest.Run(long.MaxValue), TaskCreationOptions.LongRunning);
        while (Volatile.Read(ref guest.Engine.Counters.RetiredInstructions) == 0)
            await Task.Yield();
        guest.Engine.RequestExit();
        Assert.Equal(ExitReason.Interrupted, await run.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    /// <summary>An interrupt between two blocks, whenever it comes, changes nothing about how they follow each other.</summary>
    [Fact]
    public async Task Interrupts_at_any_moment_leave_the_program_alone()
    {
        const ulong Rounds = 3_000_000;

        // 1: add x0, x0, #1; tbz x0, #0, 2f; add x1, x1, x0; 2: cbz x0, 3f; add x2, x2, #1; 3: subs x5, x5, #1; b.ne 1b; hvc #0
        using var guest = new GuestProgram(
            0x91000400, 0x36000040, 0x8b000021, 0xb4000040, 0x91000442, 0xf10004a5, 0x54ffff41, GuestProgram.Hvc0);
        guest.StopAtVectors();
        var stop = 0;
        var interrupts = await Task.Factory.StartNew(RunInterrupted, TaskCreationOptions.LongRunning).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal((Rounds, Rounds / 2 * (Rounds / 2), Rounds), Result());
        Assert.True(interrupts > 10, $"Only {interrupts} interrupts were taken.");

        unsafe (ulong, ulong, ulong) Result() => (guest.Cpu->X[0], guest.Cpu->X[1], guest.Cpu->X[2]);

        unsafe int RunInterrupted()
        {
            var cpu = guest.Cpu;
            cpu->Daif = 0;
            cpu->X[5] = Rounds;
            var raising = new Thread(() =>
            {
                while (Volatile.Read(ref stop) == 0)
                {
                    cpu->VirtualIrq = 1;
                    guest.Engine.NotifyInterruptLines();
                    Thread.Yield();
                }
            });
            raising.Start();
            var taken = 0;
            while (true)
            {
                var reason = guest.Run(long.MaxValue);
                cpu->VirtualIrq = 0;
                if (reason != ExitReason.Hvc || cpu->Pc < cpu->VbarEl1)
                    break;
                taken++;
                cpu->Pc = cpu->ElrEl1;
                PState.Return(cpu, cpu->SpsrEl1);
            }

            Volatile.Write(ref stop, 1);
            raising.Join();
            return taken;
        }
    }

    private static void Write(GuestMemory memory, ulong address, params ReadOnlySpan<uint> words) =>
        Assert.True(memory.TryWrite(address, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)));
}
