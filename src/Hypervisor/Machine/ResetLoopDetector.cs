namespace CloudVm.Hypervisor.Machine;

/// <summary>Notices a guest that does nothing but reset itself, which would otherwise burn a host CPU for ever.</summary>
internal sealed class ResetLoopDetector(TimeProvider time)
{
    public const string Description = "The guest reset itself 20 times in a row, each within a second of the last.";

    private const int Limit = 20;
    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(1);

    private long _last = long.MinValue;
    private int _inARow;

    /// <summary>Notes a reset; true when there were too many in a row.</summary>
    public bool Record()
    {
        var now = time.GetTimestamp();
        _inARow = _last != long.MinValue && time.GetElapsedTime(_last, now) < Quick ? _inARow + 1 : 0;
        _last = now;
        return _inARow >= Limit;
    }
}
