namespace CloudVm.Contracts.Access;

/// <summary>Stored by name: a name never changes.</summary>
public enum Role
{
    /// <summary>Reads.</summary>
    Viewer = 0,

    /// <summary>Reads, and changes VMs, images, snapshots and schedules.</summary>
    Operator = 1,

    /// <summary>Everything, users and nodes too.</summary>
    Administrator = 2,
}

/// <summary>Body of <c>POST /sessions</c>.</summary>
public sealed record SignInRequest
{
    public string? User { get; init; }

    public string? Password { get; init; }
}

/// <summary>A bearer token. Its value is shown once.</summary>
public sealed record IssuedToken
{
    public required Guid Id { get; init; }

    /// <summary>Goes into <c>Authorization: Bearer</c>.</summary>
    public required string Token { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public required Principal Principal { get; init; }
}

/// <summary>Who a request acts for.</summary>
public sealed record Principal
{
    public required Guid UserId { get; init; }

    public required string UserName { get; init; }

    public required Role Role { get; init; }

    /// <summary>Projects the principal may use.</summary>
    public required IReadOnlyList<string> Projects { get; init; }
}

/// <summary>Body of <c>POST /tokens</c>.</summary>
public sealed record TokenRequest
{
    public string? Name { get; init; }

    /// <summary>1 to 365; 30 when left out.</summary>
    public int ExpiresInDays { get; init; } = 30;

    /// <summary>At most the asker's own role, which it is when left out.</summary>
    public Role? Role { get; init; }
}

/// <summary>A token as listed, without its value.</summary>
public sealed record ApiToken
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    /// <summary>How the token came about: <c>session</c>, <c>personal</c> or <c>local</c>.</summary>
    public required TokenKind Kind { get; init; }

    public required Role Role { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; init; }

    public DateTimeOffset? RevokedAt { get; init; }
}

/// <summary>Stored by name: a name never changes.</summary>
public enum TokenKind
{
    Session = 0,
    Personal = 1,
    Local = 2,
}

/// <summary>Somebody who can sign in.</summary>
public sealed record User
{
    public required Guid Id { get; init; }

    public required string UserName { get; init; }

    public required Role Role { get; init; }

    public required bool LockedOut { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Body of <c>POST /users</c>.</summary>
public sealed record UserRequest
{
    public string? UserName { get; init; }

    /// <summary>At least 12 characters.</summary>
    public string? Password { get; init; }

    public Role Role { get; init; }
}

/// <summary>A single-use pass for a WebSocket or an event stream that cannot send headers.</summary>
public sealed record Ticket
{
    /// <summary>Goes into <c>?ticket=</c>.</summary>
    public required string Value { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Body of <c>POST /tickets</c>.</summary>
public sealed record TicketRequest
{
    /// <summary>The path the ticket opens, such as <c>/api/v1/vms/{id}/console</c>.</summary>
    public string? Path { get; init; }
}
