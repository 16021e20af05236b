using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using CloudVm.Contracts.Access;

namespace CloudVm.Web.Sessions;

/// <summary>
/// The signed-in sessions of this process. They live in memory: a circuit is bound to its process anyway, and whoever reads this
/// machine's disk finds no token.
/// </summary>
public sealed class SessionStore(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, WebSession> _sessions = new(StringComparer.Ordinal);

    /// <summary>Raised with the id of a session that has ended. Handlers run on the thread that ended it.</summary>
    public event Action<string>? Ended;

    /// <summary>Starts a session for a token that the API has just issued.</summary>
    public WebSession Add(IssuedToken issued)
    {
        DropExpired();
        var session = new WebSession(RandomNumberGenerator.GetHexString(32, lowercase: true), issued.Token, issued.Principal, issued.ExpiresAt);
        _sessions[session.Id] = session;
        return session;
    }

    /// <summary>Finds a session that still lasts.</summary>
    public bool TryGet(string? id, [NotNullWhen(true)] out WebSession? session)
    {
        session = null;
        if (id is null || !_sessions.TryGetValue(id, out var found))
            return false;
        if (found.ExpiresAt <= time.GetUtcNow())
        {
            Remove(id);
            return false;
        }

        session = found;
        return true;
    }

    /// <summary>Ends a session; its open pages go back to the sign-in form.</summary>
    public void Remove(string id)
    {
        if (_sessions.TryRemove(id, out _))
            Ended?.Invoke(id);
    }

    private void DropExpired()
    {
        var now = time.GetUtcNow();
        foreach (var (id, session) in _sessions)
        {
            if (session.ExpiresAt <= now)
                Remove(id);
        }
    }
}
