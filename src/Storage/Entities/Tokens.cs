using CloudVm.Contracts.Access;

namespace CloudVm.Storage.Entities;

/// <summary>A bearer token, of which only the SHA-256 is known here.</summary>
public sealed class ApiTokenEntity
{
    public Guid Id { get; init; }

    public Guid UserId { get; init; }

    public UserEntity? User { get; init; }

    public required string Name { get; init; }

    public TokenKind Kind { get; init; }

    /// <summary>At most the user's own role.</summary>
    public Role Role { get; init; }

    public required byte[] TokenHash { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}

/// <summary>A single-use pass for one path; using it deletes it.</summary>
public sealed class TicketEntity
{
    public required byte[] TicketHash { get; init; }

    /// <summary>The token it was bought with, whose rights it has.</summary>
    public Guid TokenId { get; init; }

    public ApiTokenEntity? Token { get; init; }

    public required string Path { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>A key of ASP.NET Core data protection, shared by all instances.</summary>
public sealed class DataProtectionKeyEntity
{
    public Guid Id { get; init; }

    public required string FriendlyName { get; init; }

    public required string Xml { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>The answer to a POST, kept so that its repetition answers the same.</summary>
public sealed class IdempotencyKeyEntity
{
    public Guid UserId { get; init; }

    public required string Route { get; init; }

    public required string Key { get; init; }

    /// <summary>SHA-256 over the request's target and body.</summary>
    public required byte[] RequestHash { get; init; }

    public int Status { get; init; }

    /// <summary>JSON object of the answer's headers.</summary>
    public required string Headers { get; init; }

    public required byte[] Body { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}
