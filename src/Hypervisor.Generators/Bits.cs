namespace CloudVm.Hypervisor.Generators;

internal static class Bits
{
    /// <summary>A value with the low <paramref name="width"/> bits set.</summary>
    public static uint Ones(int width) => width >= 32 ? uint.MaxValue : (1u << width) - 1;

    public static int Count(uint value)
    {
        var count = 0;
        for (; value != 0; value &= value - 1)
            count++;
        return count;
    }
}
