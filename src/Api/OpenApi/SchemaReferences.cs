using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace CloudVm.Api.OpenApi;

/// <summary>Schemas of request bodies, kept once among the document's components.</summary>
internal static class SchemaReferences
{
    public static async Task<IOpenApiSchema> OfAsync(
        OpenApiOperationTransformerContext context, Type type, CancellationToken cancellationToken)
    {
        var schema = await context.GetOrCreateSchemaAsync(type, parameterDescription: null, cancellationToken);
        var document = context.Document!;
        document.AddComponent(type.Name, schema);
        return new OpenApiSchemaReference(type.Name, document);
    }
}
