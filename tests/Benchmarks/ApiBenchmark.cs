using System.Diagnostics;

namespace CloudVm.Benchmarks;

/// <summary>Reads of 200 VM definitions under wrk, and what the idle services cost in memory.</summary>
internal static class ApiBenchmark
{
    private const int Vms = 200;
    private const int Connections = 16;
    private const int Seconds = 10;

    public static async Task RunAsync(CancellationToken cancellationToken)
    {
        await using BenchmarkInstallation cloud = await BenchmarkInstallation.StartAsync(cancellationToken);
        await PrintServiceMemoryAsync(cloud, "idle", cancellationToken);

        for (int i = 0; i < Vms; i++)
            await cloud.Api.Vms.CreateAsync(BenchmarkInstallation.Definition($"bench-{i:D3}"), cancellationToken: cancellationToken);
        var firstPage = await cloud.Api.Vms.ListAsync(new() { PageSize = 50 }, cancellationToken);

        Console.WriteLine($"{Vms} VMs, {Connections} connections, {Seconds} s each:");
        await WrkAsync(cloud, "list 50", "vms?pageSize=50", cancellationToken);
        await WrkAsync(cloud, "filtered", "vms?pageSize=50&filter=" + Uri.EscapeDataString("name:\"bench-1\""), cancellationToken);
        await WrkAsync(cloud, "second page", "vms?pageSize=50&pageToken=" + Uri.EscapeDataString(firstPage.NextPageToken!), cancellationToken);
        await WrkAsync(cloud, "one VM", $"vms/{firstPage.Items[0].Id}", cancellationToken);
        await PrintServiceMemoryAsync(cloud, "after load", cancellationToken);
    }

    private static async Task PrintServiceMemoryAsync(BenchmarkInstallation cloud, string when, CancellationToken cancellationToken)
    {
        long sum = 0;
        foreach (string part in (string[])["Api", "Worker", "Web"])
        {
            long bytes = ProcessMemory.Proportional(await cloud.Installation.ProcessIdAsync(part, cancellationToken));
            sum += bytes;
            Console.WriteLine($"{part,-12} {ProcessMemory.Mebibytes(bytes)} {when}");
        }

        Console.WriteLine($"{"together",-12} {ProcessMemory.Mebibytes(sum)} {when}");
    }

    private static async Task WrkAsync(BenchmarkInstallation cloud, string name, string path, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new("wrk") { RedirectStandardOutput = true };
        foreach (string argument in (string[])["-t1", $"-c{Connections}", $"-d{Seconds}s", "--latency", "-H", "Authorization: " + cloud.Authorization, new Uri(cloud.Installation.ApiUrl, "api/v1/" + path).ToString()])
            start.ArgumentList.Add(argument);
        using Process wrk = Process.Start(start)!;
        string output = await wrk.StandardOutput.ReadToEndAsync(cancellationToken);
        await wrk.WaitForExitAsync(cancellationToken);
        if (wrk.ExitCode != 0 || output.Contains("Non-2xx", StringComparison.Ordinal))
            throw new InvalidOperationException($"wrk {path} failed:\n{output}");
        Console.WriteLine($"{name,-12} {Value(output, "Requests/sec:"),10} requests/s   p50 {Value(output, "50%"),9}   p99 {Value(output, "99%"),9}");
    }

    private static string Value(string output, string label)
        => output.Split('\n').Select(l => l.Trim()).First(l => l.StartsWith(label, StringComparison.Ordinal))[label.Length..].Trim();
}
