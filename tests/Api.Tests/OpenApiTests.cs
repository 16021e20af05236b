using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CloudVm.Api.Tests.Harness;
using CloudVm.Testing;

namespace CloudVm.Api.Tests;

/// <summary>The published description of the API: committed, current and free of lint.</summary>
public sealed class OpenApiTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string Committed = RepositoryRoot.Combine("docs", "openapi.json");

    private static readonly string LintDirectory = RepositoryRoot.Combine("tests", "Api.Tests", "openapi-lint");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_committed_document_is_the_one_that_is_served()
    {
        var served = JsonNode.Parse(await ReadAsync())!.ToJsonString(Indented) + "\n";
        if (Environment.GetEnvironmentVariable("CLOUDVM_UPDATE_DOCS") == "1")
            await File.WriteAllTextAsync(Committed, served, Cancelled);

        Assert.True(
            served == await File.ReadAllTextAsync(Committed, Cancelled),
            "docs/openapi.json is out of date: run this test with CLOUDVM_UPDATE_DOCS=1 and commit the difference.");
    }

    [Fact]
    public async Task The_document_has_no_lint()
    {
        var file = Path.Combine(api.SecretsDirectory, "openapi.json");
        await File.WriteAllTextAsync(file, await ReadAsync(), Cancelled);
        if (!Directory.Exists(Path.Combine(LintDirectory, "node_modules")))
            Assert.Equal((0, ""), await RunAsync("npm", "ci", "--no-audit", "--no-fund", "--silent"));

        var (exitCode, output) = await RunAsync(
            Path.Combine(LintDirectory, "node_modules", ".bin", "redocly"), "lint", "--config", "redocly.yaml", "--format", "stylish", "--max-problems", "1000", file);

        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public async Task Every_operation_says_what_it_is_and_what_can_go_wrong()
    {
        var document = JsonNode.Parse(await ReadAsync())!;

        Assert.StartsWith("3.1", document["openapi"]!.GetValue<string>(), StringComparison.Ordinal);
        var operations = document["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(o => (Path: path.Key, Method: o.Key, Operation: o.Value!.AsObject())))
            .ToList();
        Assert.True(operations.Count > 50, $"{operations.Count} operations");
        Assert.All(operations, o =>
        {
            Assert.False(string.IsNullOrEmpty((string?)o.Operation["summary"]), $"{o.Method} {o.Path} has no summary");
            Assert.Contains(o.Operation["responses"]!.AsObject(), r => r.Key.StartsWith('4'));
            if (o.Method is "put" or "patch" || (o.Method == "post" && o.Operation["requestBody"] is not null && o.Path != "/api/v1/images"))
                Assert.NotNull(o.Operation["requestBody"]!["content"]!["application/json"]!["example"]);
        });
        Assert.Equal(operations.Count, operations.Select(o => (string?)o.Operation["operationId"]).Distinct().Count());
    }

    private async Task<string> ReadAsync()
    {
        using var http = api.NewHttp();
        return await http.GetStringAsync("/openapi/v1.json", Cancelled);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = LintDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["REDOCLY_TELEMETRY"] = "off";
        start.Environment["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Cancelled);
        var errors = process.StandardError.ReadToEndAsync(Cancelled);
        await process.WaitForExitAsync(Cancelled);
        return (process.ExitCode, process.ExitCode == 0 ? await output : await output + await errors);
    }
}
