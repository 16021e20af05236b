using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;

namespace CloudVm.Hypervisor.Tests.Execute;

/// <summary>Stops for a debugger outside the guest.</summary>
public sealed unsafe class DebuggerTests
{
    private const ulong Data = GuestProgram.Start + 0x10_0000;
    private const uint AddOne = 0x91000400; // add x0, x0, #1
    private const uint Nop = 0xd503201f;
    private const uint Back2 = 0x17fffffe; // b .-8
    private const uint Store = 0xf9000020; // str x0, [x1]
    private const uint Load = 0xf9400022; // ldr x2, [x1]

    [Fact]
    public void Breakpoint_stops_a_loop_that_is_linked_already_and_leaves_memory_alone()
    {
        using var guest = new GuestProgram(AddOne, Nop, Back2);
        Assert.Equal(ExitReason.Budget, guest.Run(3000));
        guest.Engine.SetDebugControls(new DebugControls([GuestProgram.Start + 4], []));
        guest.Cpu->X[0] = 0;
        guest.Cpu->Pc = GuestProgram.Start;

        for (ulong round = 1; round <= 3; round++)
        {
            Assert.Equal(ExitReason.Debug, guest.Run());
            Assert.Equal((GuestProgram.Start + 4, GuestProgram.Start + 4, round), (guest.Cpu->Pc, guest.Cpu->Exit.Far, guest.Cpu->X[0]));
            Assert.Equal(ExitReason.Debug, guest.Run());
            Assert.Equal(ExitReason.Budget, guest.Engine.Step(guest.Cpu));
            Assert.Equal(GuestProgram.Start + 8, guest.Cpu->Pc);
        }

        Assert.Equal(Nop, BitConverter.ToUInt32(guest.Read(GuestProgram.Start + 4, 4)));
        guest.Engine.SetDebugControls(DebugControls.None);
        Assert.Equal(ExitReason.Budget, guest.Run(3000));
    }

    /// <summary>Decoded code knows its place in the page only: another page's breakpoint there is looked at, and is not this one.</summary>
    [Fact]
    public void Breakpoint_of_another_page_does_not_stop()
    {
        using var guest = new GuestProgram(AddOne, 0xf1000c1f, 0x54ffffc1, GuestProgram.Hvc0); // cmp x0, #3; b.ne .-8
        guest.Engine.SetDebugControls(new DebugControls(
            [GuestProgram.Start + 0x1000, GuestProgram.Start + 0x1004, GuestProgram.Start + 0x1008], []));

        Assert.Equal(ExitReason.Hvc, guest.Run());
        Assert.Equal(3UL, guest.Cpu->X[0]);
    }

    [Theory]
    [InlineData(false, true, true, 0UL)]
    [InlineData(true, false, false, 7UL)]
    [InlineData(true, true, true, 0UL)]
    public void Watchpoint_stops_before_the_access_though_the_page_is_in_the_tlb(bool onRead, bool onWrite, bool stopsAtWrite, ulong stored)
    {
        using var guest = new GuestProgram(Store, Load, GuestProgram.Hvc0);
        guest.MapIdentity();
        guest.Cpu->X[0] = 7;
        guest.Cpu->X[1] = Data;
        Assert.Equal(ExitReason.Hvc, guest.Run());
        guest.Write(Data, 0, 0);
        guest.Engine.SetDebugControls(new DebugControls([], [new DebugWatchpoint(Data + 3, 2, onRead, onWrite)]));
        guest.Cpu->Pc = GuestProgram.Start;

        Assert.Equal(ExitReason.Debug, guest.Run());
        Assert.Equal(GuestProgram.Start + (stopsAtWrite ? 0UL : 4), guest.Cpu->Pc);
        Assert.Equal((Data + 3, stopsAtWrite), (guest.Cpu->Exit.Far, guest.Cpu->Exit.IsWrite));
        Assert.Equal(stored, BitConverter.ToUInt64(guest.Read(Data, 8)));
        guest.Cpu->X[1] = Data + 8;
        Assert.Equal(ExitReason.Hvc, guest.Run());
    }

    /// <summary>While the guest debugs itself, Run goes instruction by instruction: the host's breakpoints hold there too.</summary>
    [Fact]
    public void Breakpoint_stops_a_guest_that_debugs_itself()
    {
        using var guest = new GuestProgram(AddOne, AddOne, AddOne, GuestProgram.Hvc0);
        guest.Cpu->Daif = 0;
        guest.Cpu->MdscrEl1 = SelfHostedDebug.MdscrMonitorDebug | SelfHostedDebug.MdscrKernelDebug;
        guest.Cpu->DbgBvr[0] = GuestProgram.Start + 0x4000;
        guest.Cpu->DbgBcr[0] = 0x1e7;
        guest.Engine.SetDebugControls(new DebugControls([GuestProgram.Start + 8], []));

        Assert.Equal(ExitReason.Debug, guest.Run());
        Assert.Equal((GuestProgram.Start + 8, 2UL), (guest.Cpu->Pc, guest.Cpu->X[0]));
        Assert.Equal(0x1e7UL, guest.Cpu->DbgBcr[0]);
        guest.Engine.SetDebugControls(DebugControls.None);
        Assert.Equal(ExitReason.Hvc, guest.Run());
    }
}
