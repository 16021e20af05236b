using System.Globalization;

namespace CloudVm.Benchmarks;

/// <summary>Measured durations, and their percentiles by the nearest-rank method.</summary>
internal sealed class Distribution(string name)
{
    private readonly List<double> _milliseconds = [];

    public void Add(TimeSpan duration) => _milliseconds.Add(duration.TotalMilliseconds);

    public override string ToString()
    {
        _milliseconds.Sort();
        return string.Create(CultureInfo.InvariantCulture,
            $"{name,-20} p50 {Percentile(50),8:F1} ms   p99 {Percentile(99),8:F1} ms   max {Percentile(100),8:F1} ms   n {_milliseconds.Count}");
    }

    private double Percentile(int percent)
        => _milliseconds.Count == 0 ? double.NaN : _milliseconds[Math.Max(0, (int)Math.Ceiling(_milliseconds.Count * percent / 100.0) - 1)];
}
