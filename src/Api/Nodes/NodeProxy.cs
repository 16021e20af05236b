using System.Net.Http.Headers;
using System.Text.Json;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Nodes;

/// <summary>Passes requests about a running guest to the node that has it, after the Api has authorised them.</summary>
internal sealed class NodeProxy(CloudVmDbContext database, IHttpClientFactory clients, ApiSettings settings)
{
    public const string HttpClientName = "node";

    private const string SecretFile = "node";
    private const string Scheme = "Node";

    /// <summary>The node that has, or last had, the VM's guest; null where it never ran.</summary>
    public Task<NodeEntity?> FindNodeAsync(VirtualMachineEntity vm, CancellationToken cancellationToken) =>
        database.Nodes.FirstOrDefaultAsync(n => n.Id == (vm.Status!.NodeId ?? vm.NodeId), cancellationToken);

    public async Task<string> ReadCredentialsAsync(CancellationToken cancellationToken)
    {
        var secret = await settings.ReadSecretAsync(SecretFile, cancellationToken)
            ?? throw Refusal.NodeUnavailable("This service has no secret to show to nodes: the file 'node' in CLOUDVM_SECRETS_DIR.");
        return $"{Scheme} {secret}";
    }

    /// <summary>Asks the node and passes its answer on, problems included.</summary>
    public async Task PassAsync(HttpContext http, NodeEntity node, string path)
    {
        var cancellationToken = http.RequestAborted;
        using var request = new HttpRequestMessage(HttpMethod.Get, node.Url.TrimEnd('/') + path);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(await ReadCredentialsAsync(cancellationToken));
        if (http.Request.Headers.Range.Count > 0)
            request.Headers.TryAddWithoutValidation("Range", [.. http.Request.Headers.Range]);

        using var response = await SendAsync(request, node, cancellationToken);
        http.Response.StatusCode = (int)response.StatusCode;
        foreach (var name in (string[])["Content-Type", "Content-Range", "Accept-Ranges"])
        {
            if (response.Content.Headers.TryGetValues(name, out var values))
                http.Response.Headers[name] = values.ToArray();
        }

        http.Response.Headers.CacheControl = "no-store";
        await response.Content.CopyToAsync(http.Response.Body, cancellationToken);
    }

    /// <summary>Has the node do something, with a body or none, and reads its answer.</summary>
    /// <exception cref="ProblemException">The node refused, with its reasons, or does not answer.</exception>
    public async Task<TAnswer> AskAsync<TAnswer>(NodeEntity node, HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, node.Url.TrimEnd('/') + path);
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(await ReadCredentialsAsync(cancellationToken));
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: CloudVmJson.Options);
        using var response = await SendAsync(request, node, cancellationToken);
        try
        {
            if (response.IsSuccessStatusCode)
                return (await response.Content.ReadFromJsonAsync<TAnswer>(CloudVmJson.Options, cancellationToken))!;
            var problem = (await response.Content.ReadFromJsonAsync<Problem>(CloudVmJson.Options, cancellationToken))!;
            throw new ProblemException(problem.Status, problem.Code, problem.Title) { Detail = problem.Detail, Reasons = [.. problem.Errors] };
        }
        catch (JsonException e)
        {
            throw Refusal.NodeUnavailable($"Node '{node.Name}' answers {(int)response.StatusCode} with something that is not understood: {e.Message}");
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, NodeEntity node, CancellationToken cancellationToken)
    {
        try
        {
            var response = await clients.CreateClient(HttpClientName)
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.StatusCode is not (System.Net.HttpStatusCode.Unauthorized or System.Net.HttpStatusCode.Forbidden))
                return response;

            response.Dispose();
            throw Refusal.NodeUnavailable($"Node '{node.Name}' does not accept this service's secret.");
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw Refusal.NodeUnavailable($"Node '{node.Name}' does not answer: {e.Message}");
        }
    }
}
