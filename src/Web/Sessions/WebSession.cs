using CloudVm.Contracts.Access;

namespace CloudVm.Web.Sessions;

/// <summary>Somebody who is signed in. The API token stays in this process and never reaches the browser.</summary>
/// <param name="Id">Random name of the session, kept in the browser's encrypted cookie.</param>
/// <param name="Token">The bearer token for the API.</param>
/// <param name="Principal">Who the token acts for.</param>
/// <param name="ExpiresAt">When the API stops accepting the token.</param>
public sealed record WebSession(string Id, string Token, Principal Principal, DateTimeOffset ExpiresAt);
