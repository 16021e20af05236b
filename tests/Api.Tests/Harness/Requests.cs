using System.Net;
using System.Text;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Tests.Harness;

/// <summary>Requests as they go over the wire, and their answers.</summary>
internal static class Requests
{
    public static string UniqueName(string prefix = "vm") => $"{prefix}-{Guid.NewGuid():N}"[..24];

    public static VmDefinition NewDefinition(string? name = null) => new() { Name = name ?? UniqueName(), Image = "hello-sve", MemoryMiB = 64 };

    public static Task<Vm> CreateVmAsync(this ApiServer api, string? name = null) => api.Client.Vms.CreateAsync(NewDefinition(name));

    public static async Task<HttpResponseMessage> SendJsonAsync(
        this HttpClient http, HttpMethod method, string path, string? json = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, "/api/v1" + path);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    public static async Task<T> ReadAsync<T>(this HttpResponseMessage response, HttpStatusCode expected = HttpStatusCode.OK)
    {
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == expected, $"{(int)response.StatusCode} {text}");
        return System.Text.Json.JsonSerializer.Deserialize<T>(text, CloudVmJson.Options)!;
    }

    public static async Task<Problem> ReadProblemAsync(this HttpResponseMessage response, HttpStatusCode expected)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        return await response.ReadAsync<Problem>(expected);
    }

    public static IEnumerable<(string Pointer, string Code)> Reasons(this Problem problem) => problem.Errors.Select(e => (e.Pointer, e.Code));
}
