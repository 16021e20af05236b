using System.Globalization;

namespace CloudVm.Hypervisor.Tests;

/// <summary>How long a fuzzing test goes on: briefly by default, ten minutes in <c>./cloudvm test --long</c>.</summary>
internal static class FuzzTime
{
    /// <summary>
    /// The time for one of <paramref name="parts"/> tests that share the ten minutes. <c>CLOUDVM_FUZZ_SECONDS</c> takes the place of
    /// either time.
    /// </summary>
    public static TimeSpan Of(double shortSeconds, int parts = 1)
    {
        if (Environment.GetEnvironmentVariable("CLOUDVM_FUZZ_SECONDS") is { Length: > 0 } seconds)
            return TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture));
        return Environment.GetEnvironmentVariable("CLOUDVM_TEST_LONG") is { Length: > 0 }
            ? TimeSpan.FromMinutes(10) / parts
            : TimeSpan.FromSeconds(shortSeconds);
    }

    /// <summary><c>CLOUDVM_TEST_SEED</c>, to repeat a run, or a new seed; printed.</summary>
    public static int Seed(ITestOutputHelper output)
    {
        var seed = Environment.GetEnvironmentVariable("CLOUDVM_TEST_SEED") is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        return seed;
    }
}
