using CloudVm.Api.Access;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace CloudVm.Api.OpenApi;

/// <summary>The OpenAPI 3.1 document: endpoints say of themselves what it tells, this adds what holds for all.</summary>
internal static class ApiDescription
{
    private const string BearerScheme = "bearer";
    private const string LocalScheme = "localSecret";

    private static readonly (string Name, string Description)[] Tags =
    [
        ("VMs", "Definitions of virtual machines and the verbs that change their state."),
        ("Guests", "What is read from a running guest: console, registers, counters."),
        ("Operations", "Work that takes time: progress, waiting, cancelling."),
        ("Snapshots", "Stored states of VMs."),
        ("Schedules", "When snapshots are taken, and how many are kept."),
        ("Images", "What VMs boot."),
        ("Host profiles", "The emulated Arm hosts and their vector lengths."),
        ("Nodes", "The machines that run VMs."),
        ("Events", "What happens, as it happens."),
        ("Access", "Sign-in, tokens and users."),
        ("Installation", "What this installation can do."),
    ];

    public static IServiceCollection AddApiDescription(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddDocumentTransformer(DescribeDocumentAsync);
        options.AddOperationTransformer(DescribeOperationAsync);
    });

    private static Task DescribeDocumentAsync(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "CloudVm",
            Version = "1",
            Description = "A cloud for Arm SVE virtual machines.",
            License = new OpenApiLicense { Name = "See the repository", Url = new Uri("https://example.com/cloudvm") },
        };
        document.Servers = [new OpenApiServer { Url = "/", Description = "The service that gave this document" }];
        document.Tags = new HashSet<OpenApiTag>(Tags.Select(t => new OpenApiTag { Name = t.Name, Description = t.Description }));
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [BearerScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A token from POST /sessions, POST /tokens or POST /tokens:local.",
            },
            [LocalScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = LocalTokens.SecretHeader,
                Description = "The installation's local secret.",
            },
        };
        return Task.CompletedTask;
    }

    private static async Task DescribeOperationAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Parameters ??= [];
        foreach (var query in metadata.OfType<QueryParameterDescription>())
            operation.Parameters.Add(Parameter(query.Name, ParameterLocation.Query, query.Description, query.Type, required: false));
        foreach (var header in metadata.OfType<RequestHeaderDescription>())
            operation.Parameters.Add(Parameter(header.Name, ParameterLocation.Header, header.Description, "string", header.Required));

        DescribeResponses(operation, metadata.OfType<ResponseHeaderDescription>().ToList());
        DescribeSecurity(operation, context, metadata.OfType<IAllowAnonymous>().Any());
        if (metadata.OfType<RequestBodyDescription>().LastOrDefault() is { } body)
            await DescribeBodyAsync(operation, context, body, cancellationToken);
    }

    private static async Task DescribeBodyAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, RequestBodyDescription body, CancellationToken cancellationToken)
    {
        IOpenApiSchema schema = body.Type == typeof(Stream)
            ? new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" }
            : await SchemaReferences.OfAsync(context, body.Type, cancellationToken);
        var content = new OpenApiMediaType { Schema = schema, Example = Examples.Of(body.Type) };
        operation.RequestBody = new OpenApiRequestBody
        {
            Description = body.Type == typeof(Stream) ? "The bytes." : "Fields that are left out have defaults.",
            Content = body.MediaTypes.ToDictionary(type => type, _ => content, StringComparer.Ordinal),
        };
    }

    private static void DescribeResponses(OpenApiOperation operation, List<ResponseHeaderDescription> headers)
    {
        foreach (var (status, response) in operation.Responses ?? [])
        {
            if (response is not OpenApiResponse concrete)
                continue;
            concrete.Description = ResponseDescriptions.Of(status);
            if (status[0] != '2')
                continue;

            concrete.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
            foreach (var header in headers)
            {
                concrete.Headers[header.Name] = new OpenApiHeader
                {
                    Description = header.Description,
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                };
            }
        }
    }

    private static void DescribeSecurity(OpenApiOperation operation, OpenApiOperationTransformerContext context, bool isAnonymous)
    {
        var isLocal = operation.OperationId == "createLocalToken";
        operation.Security = isAnonymous && !isLocal
            ? []
            : [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(isLocal ? LocalScheme : BearerScheme, context.Document)] = [] }];
    }

    private static OpenApiParameter Parameter(string name, ParameterLocation location, string description, string type, bool required) => new()
    {
        Name = name,
        In = location,
        Description = description,
        Required = required,
        Schema = new OpenApiSchema
        {
            Type = type switch
            {
                "integer" => JsonSchemaType.Integer,
                "number" => JsonSchemaType.Number,
                "boolean" => JsonSchemaType.Boolean,
                _ => JsonSchemaType.String,
            },
        },
    };
}

/// <summary>What the statuses mean, in one sentence each.</summary>
internal static class ResponseDescriptions
{
    public static string Of(string status) => status switch
    {
        "101" => "The connection is a WebSocket now.",
        "200" => "The answer.",
        "201" => "Created.",
        "202" => "The work has begun; the operation says how far it has come.",
        "204" => "Done; there is nothing to say.",
        "207" => "For each item its own status.",
        "400" => "The request cannot be read.",
        "401" => "No valid credentials.",
        "403" => "The role does not suffice.",
        "404" => "There is no such thing, or not for you.",
        "409" => "Something is in the way.",
        "410" => "The position is too old.",
        "412" => "The definition has changed meanwhile.",
        "413" => "The body is too large.",
        "415" => "The media type is not taken.",
        "422" => "The request is not valid; every reason is listed.",
        "428" => "A change of a definition needs If-Match.",
        "429" => "Too many requests.",
        "503" => "The node or the database cannot be reached.",
        _ => "Something else.",
    };
}
