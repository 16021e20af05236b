using System.Text;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Machine;

public sealed class ConsoleBufferTests
{
    private readonly ConsoleBuffer _console = new();

    [Fact]
    public void ViewersReplayFromAnyOffsetThatIsStillKept()
    {
        Print("hello world");
        Assert.Equal("world", ReadFrom(6));
        Assert.Equal("hello world", ReadFrom(0));
        Assert.Equal("", ReadFrom(11));
        Assert.Equal("", ReadFrom(1_000));
    }

    [Fact]
    public void OldOutputIsDroppedAtTheCapacity()
    {
        for (var i = 0; i < ConsoleBuffer.Capacity + 100; i++)
            _console.Append((byte)('a' + (i % 26)));
        long position = 0;
        var generation = _console.Generation;
        var buffer = new byte[ConsoleBuffer.Capacity * 2];

        Assert.Equal(ConsoleBuffer.Capacity, _console.Read(ref position, ref generation, buffer, out _));
        Assert.Equal((byte)('a' + (100 % 26)), buffer[0]);
        Assert.Equal(ConsoleBuffer.Capacity + 100, position);
    }

    [Fact]
    public async Task RestoringRewindsTheTimelineAndTellsViewers()
    {
        Print("before");
        var writer = new StateWriter();
        _console.Save(writer);
        Print(" after");
        long position = _console.End;
        var generation = _console.Generation;
        var waiting = _console.WaitAsync(position, generation, TestContext.Current.CancellationToken);
        Assert.False(waiting.IsCompleted);

        _console.PrepareRestore(new StateReader("console", writer.Written.ToArray()))();

        await waiting.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        var buffer = new byte[100];
        var count = _console.Read(ref position, ref generation, buffer, out var rewound);
        Assert.True(rewound);
        Assert.Equal("before", Encoding.ASCII.GetString(buffer, 0, count));
        Assert.Equal(6, _console.End);
    }

    private void Print(string text)
    {
        foreach (var value in Encoding.ASCII.GetBytes(text))
            _console.Append(value);
    }

    private string ReadFrom(long position)
    {
        var generation = _console.Generation;
        var buffer = new byte[100];
        return Encoding.ASCII.GetString(buffer, 0, _console.Read(ref position, ref generation, buffer, out _));
    }
}
