namespace CloudVm.Api.Shared.UnitsOfWork;

/// <summary>Makes small bodies readable twice: once by the handler, once for the idempotency hash.</summary>
internal static class BodyBuffering
{
    public static IApplicationBuilder UseBodyBuffering(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (context.Request.Headers.ContainsKey(IdempotencyKey.Header) && context.GetEndpoint()?.Metadata.GetMetadata<StreamedBody>() is null)
            context.Request.EnableBuffering();
        return next(context);
    });
}

/// <summary>Marks endpoints whose body is too large to buffer; their uploads name their own SHA-256.</summary>
internal sealed class StreamedBody;
