using CloudVm.Contracts;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;

namespace CloudVm.Api.OpenApi;

/// <summary>A query parameter that a handler reads for itself.</summary>
/// <param name="Name">As in the query.</param>
/// <param name="Description">One sentence.</param>
/// <param name="Type">JSON schema type.</param>
internal sealed record QueryParameterDescription(string Name, string Description, string Type);

/// <summary>A response header of an endpoint's success.</summary>
internal sealed record ResponseHeaderDescription(string Name, string Description);

/// <summary>A request header that an endpoint reads.</summary>
internal sealed record RequestHeaderDescription(string Name, string Description, bool Required = false);

/// <summary>
/// The body that an endpoint takes. ASP.NET Core's own metadata would route by media type too, and then not find an endpoint
/// whose body was left out.
/// </summary>
internal sealed record RequestBodyDescription(Type Type, params string[] MediaTypes);

/// <summary>Says of endpoints what the OpenAPI document tells.</summary>
internal static class EndpointDescriptions
{
    private const string ProblemType = "application/problem+json";

    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder builder, string operationId, string summary, string description) =>
        builder.WithName(operationId).WithSummary(summary).WithDescription(description);

    public static RouteHandlerBuilder WithParameter(this RouteHandlerBuilder builder, string name, string description, string type) =>
        builder.WithMetadata(new QueryParameterDescription(name, description, type));

    public static RouteHandlerBuilder WithFlag(this RouteHandlerBuilder builder, string name, string description) =>
        builder.WithParameter(name, description, "boolean");

    public static RouteHandlerBuilder WithRequestHeader(this RouteHandlerBuilder builder, string name, string description, bool required = false) =>
        builder.WithMetadata(new RequestHeaderDescription(name, description, required));

    /// <summary>A collection, with the parameters that all collections have.</summary>
    public static RouteHandlerBuilder ProducesPage<T>(this RouteHandlerBuilder builder) => builder
        .WithParameter("pageSize", "How many resources a page has at most: 1 to 500, 50 when left out.", "integer")
        .WithParameter("pageToken", "Continues an earlier answer; filter and orderBy must be the same.", "string")
        .WithParameter("filter", "AIP-160 expression over the resource's fields, such as name : \"ci\" AND createdAt > 2026-01-01.", "string")
        .WithParameter("orderBy", "Comma-separated fields, each with an optional desc.", "string")
        .WithFields()
        .Produces<Page<T>>()
        .ProducesProblems(400, 401, 403, 404, 429);

    public static RouteHandlerBuilder ProducesResource<T>(this RouteHandlerBuilder builder) => builder
        .WithFields()
        .WithETag()
        .Produces<T>()
        .ProducesProblems(400, 401, 403, 404, 429);

    /// <summary>The new resource.</summary>
    public static RouteHandlerBuilder ProducesCreated<T>(this RouteHandlerBuilder builder) => builder
        .WithValidateOnly()
        .WithIdempotencyKey()
        .WithETag()
        .WithMetadata(new ResponseHeaderDescription("Location", "Path of the new resource."))
        .Produces<T>(StatusCodes.Status201Created)
        .ProducesProblems(400, 401, 403, 409, 413, 415, 422, 429);

    /// <summary>The resource as it is after the change.</summary>
    public static RouteHandlerBuilder ProducesChanged<T>(this RouteHandlerBuilder builder) => builder
        .WithValidateOnly()
        .WithETag()
        .Produces<T>()
        .ProducesProblems(400, 401, 403, 404, 409, 412, 415, 422, 428, 429);

    /// <summary>202 with the operation that does the work.</summary>
    public static RouteHandlerBuilder ProducesOperation(this RouteHandlerBuilder builder) => builder
        .WithValidateOnly()
        .WithIdempotencyKey()
        .WithMetadata(new ResponseHeaderDescription("Operation-Location", "Path of the operation."))
        .WithMetadata(new ResponseHeaderDescription("Retry-After", "Seconds after which to look at the operation again."))
        .Produces<Operation>(StatusCodes.Status202Accepted)
        .ProducesProblems(400, 401, 403, 404, 409, 412, 422, 429);

    public static RouteHandlerBuilder ProducesNothing(this RouteHandlerBuilder builder) => builder
        .Produces(StatusCodes.Status204NoContent)
        .ProducesProblems(400, 401, 403, 404, 409, 412, 429);

    public static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder builder, params int[] statuses)
    {
        foreach (var status in statuses)
            builder.Produces<Problem>(status, ProblemType);
        return builder;
    }

    public static RouteHandlerBuilder WithValidateOnly(this RouteHandlerBuilder builder) =>
        builder.WithFlag("validateOnly", "Run every check and change nothing.");

    private static RouteHandlerBuilder WithFields(this RouteHandlerBuilder builder) =>
        builder.WithParameter("fields", "Comma-separated members to answer with, such as id,name,status.phase.", "string");

    private static RouteHandlerBuilder WithETag(this RouteHandlerBuilder builder) =>
        builder.WithMetadata(new ResponseHeaderDescription("ETag", "Strong tag, generation.revision."));

    private static RouteHandlerBuilder WithIdempotencyKey(this RouteHandlerBuilder builder) =>
        builder.WithRequestHeader("Idempotency-Key", "A repetition with the same key within 24 hours gets the first answer.");
}
