namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>SplitMix64: small, and the same on every runtime, since recorded results depend on it.</summary>
internal sealed class CaseRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9e3779b97f4a7c15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    /// <summary>A number from 0 to limit - 1.</summary>
    public int Below(int limit) => (int)(((Next() >> 32) * (uint)limit) >> 32);

    public bool OneIn(int n) => Below(n) == 0;

    public T Pick<T>(ReadOnlySpan<T> values) => values[Below(values.Length)];
}
