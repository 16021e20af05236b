using CloudVm.Contracts.Access;

namespace CloudVm.Contracts.Client;

/// <summary>Sign-in, tokens, users and tickets.</summary>
public sealed class AccessClient
{
    private readonly ApiTransport _transport;

    internal AccessClient(ApiTransport transport) => _transport = transport;

    /// <summary>Signs in with a password.</summary>
    public Task<IssuedToken> SignInAsync(string user, string password, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<IssuedToken>(
            HttpMethod.Post, "sessions", new SignInRequest { User = user, Password = password }, options: null, cancellationToken);

    /// <summary>Revokes the token that this client uses.</summary>
    public Task SignOutAsync(CancellationToken cancellationToken = default) =>
        _transport.SendAsync(HttpMethod.Delete, "sessions/current", options: null, cancellationToken);

    public Task<Principal> GetPrincipalAsync(CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Principal>("me", cancellationToken);

    public Task<Page<ApiToken>> ListTokensAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<ApiToken>>("tokens".WithQuery(query), cancellationToken);

    public Task<IssuedToken> CreateTokenAsync(TokenRequest request, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<IssuedToken>(HttpMethod.Post, "tokens", request, options: null, cancellationToken);

    public Task RevokeTokenAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.SendAsync(HttpMethod.Delete, $"tokens/{id}", options: null, cancellationToken);

    public Task<Page<User>> ListUsersAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<User>>("users".WithQuery(query), cancellationToken);

    public Task<User> CreateUserAsync(UserRequest request, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<User>(HttpMethod.Post, "users", request, options: null, cancellationToken);

    /// <summary>A single-use pass for one WebSocket or event stream, good for 30 seconds.</summary>
    /// <param name="path">The path it opens, such as <c>/api/v1/vms/{id}/console</c>.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    public Task<Ticket> CreateTicketAsync(string path, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Ticket>(HttpMethod.Post, "tickets", new TicketRequest { Path = path }, options: null, cancellationToken);
}
