using Microsoft.AspNetCore.Components.Authorization;

namespace CloudVm.Web.Sessions;

/// <summary>The session that a circuit belongs to.</summary>
public sealed class CurrentSession : IDisposable
{
    private readonly AuthenticationStateProvider _authentication;
    private readonly SessionStore _store;
    private string? _id;

    public CurrentSession(AuthenticationStateProvider authentication, SessionStore store)
    {
        _authentication = authentication;
        _store = store;
        _store.Ended += OnEnded;
    }

    /// <summary>Raised once the session has ended, here or in another window. Comes on any thread.</summary>
    public event Action? Ended;

    /// <summary>The session, or null when nobody is signed in or the session is over.</summary>
    public async ValueTask<WebSession?> GetAsync()
    {
        _id ??= SessionCookie.SessionIdOf((await _authentication.GetAuthenticationStateAsync()).User);
        return _store.TryGet(_id, out var session) ? session : null;
    }

    /// <summary>Forgets the session, because the API no longer accepts its token.</summary>
    public void End()
    {
        if (_id is not null)
            _store.Remove(_id);
    }

    /// <inheritdoc/>
    public void Dispose() => _store.Ended -= OnEnded;

    private void OnEnded(string id)
    {
        if (id == _id)
            Ended?.Invoke();
    }
}
