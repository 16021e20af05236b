using System.Net.Http.Headers;
using CloudVm.Worker.Nodes;

namespace CloudVm.Worker.NodeApi;

/// <summary>Lets through only who shows the node's secret. Users and projects are the Api's business, which has authorised them before.</summary>
internal sealed class NodeAuthentication(NodeSecret secret) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        bool known = AuthenticationHeaderValue.TryParse(context.HttpContext.Request.Headers.Authorization, out AuthenticationHeaderValue? shown)
            && string.Equals(shown.Scheme, NodeSecret.Scheme, StringComparison.OrdinalIgnoreCase)
            && shown.Parameter is { } parameter
            && secret.Matches(parameter);
        return known ? await next(context).ConfigureAwait(false) : NodeProblems.Unauthenticated();
    }
}
