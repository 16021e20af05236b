using CloudVm.Benchmarks;

Dictionary<string, Func<CancellationToken, Task>> benchmarks = new(StringComparer.Ordinal)
{
    ["api"] = ApiBenchmark.RunAsync,
    ["lifecycle"] = LifecycleBenchmark.RunAsync,
    ["density"] = DensityBenchmark.RunAsync,
    ["engine"] = EngineBenchmark.RunAsync,
    ["sve"] = SveBenchmark.RunAsync,
    ["boot"] = BootBenchmark.RunAsync,
    ["guest"] = GuestBenchmark.RunAsync,
    ["idle"] = IdleBenchmark.RunAsync,
};

if (args is not [var name] || !benchmarks.TryGetValue(name, out var benchmark))
{
    await Console.Error.WriteLineAsync($"Give one of: {string.Join(", ", benchmarks.Keys)}");
    return 2;
}

using CancellationTokenSource interrupted = new();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    interrupted.Cancel();
};
await benchmark(interrupted.Token);
return 0;
