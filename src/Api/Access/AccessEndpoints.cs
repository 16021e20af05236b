using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;

namespace CloudVm.Api.Access;

internal static class AccessEndpoints
{
    public static void MapAccess(this RouteGroupBuilder api)
    {
        var access = api.MapGroup("").WithTags("Access");
        access.MapPost("/sessions", (JsonBody<SignInRequest> body, SignIn handler, CancellationToken ct) => handler.HandleAsync(body, ct))
            .AllowAnonymous()
            .Describe("signIn", "Sign in", "Trades user name and password for a token of 12 hours. Five wrong passwords lock the user for five minutes.")
            .Produces<IssuedToken>(StatusCodes.Status201Created)
            .ProducesProblems(400, 401, 415, 422, 429);
        access.MapPost("/tokens:local", (HttpRequest request, LocalTokens handler, CancellationToken ct) => handler.HandleAsync(request, ct))
            .AllowAnonymous()
            .AddEndpointFilter<UnitOfWork>()
            .Describe("createLocalToken", "Get a token on the machine itself", "For whoever can read the installation's local secret; gives an administrator's token.")
            .WithRequestHeader(LocalTokens.SecretHeader, "Content of the file local-admin in the secrets directory.", required: true)
            .Produces<IssuedToken>(StatusCodes.Status201Created)
            .ProducesProblems(400, 401, 409, 429);
        access.MapDelete("/sessions/current", (Tokens handler, CancellationToken ct) => handler.RevokeCurrentAsync(ct))
            .Describe("signOut", "Sign out", "Revokes the token of this request.")
            .ProducesNothing();
        access.MapGet("/me", (WhoAmI handler, CancellationToken ct) => handler.HandleAsync(ct))
            .Describe("getPrincipal", "Who am I", "The user, role and projects of this request's token.")
            .Produces<Principal>()
            .ProducesProblems(400, 401, 429);

        access.MapGet("/tokens", (ListRequest request, Tokens handler, CancellationToken ct) => handler.ListAsync(request, ct))
            .Describe("listTokens", "List tokens", "The caller's own; an administrator sees everybody's.")
            .ProducesPage<ApiToken>();
        access.MapPost("/tokens", (JsonBody<TokenRequest> body, Tokens handler, CancellationToken ct) => handler.CreateAsync(body, ct))
            .AddEndpointFilter<UnitOfWork>()
            .Describe("createToken", "Create a token", "For scripts and CI. Its value is shown this once.")
            .ProducesCreated<IssuedToken>();
        access.MapDelete("/tokens/{id:guid}", (Guid id, Tokens handler, CancellationToken ct) => handler.RevokeAsync(id, ct))
            .AddEndpointFilter<UnitOfWork>()
            .Describe("revokeToken", "Revoke a token", "Counts at once.")
            .ProducesNothing();
        access.MapPost("/tickets", (JsonBody<TicketRequest> body, Tickets handler, CancellationToken ct) => handler.HandleAsync(body, ct))
            .AddEndpointFilter<UnitOfWork>()
            .Describe("createTicket", "Create a ticket", "Opens one WebSocket or event stream once within 30 seconds, as ?ticket=.")
            .ProducesCreated<Ticket>();

        var users = access.MapGroup("/users").RequireRole(Role.Administrator);
        users.MapGet("", (ListRequest request, Users handler, CancellationToken ct) => handler.ListAsync(request, ct))
            .Describe("listUsers", "List users", "Everybody who can sign in.")
            .ProducesPage<User>();
        users.MapPost("", (JsonBody<UserRequest> body, Users handler, CancellationToken ct) => handler.CreateAsync(body, ct))
            .AddEndpointFilter<UnitOfWork>()
            .Describe("createUser", "Create a user", "The user may use the project 'default'.")
            .ProducesCreated<User>();
    }
}
