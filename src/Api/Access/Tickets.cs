using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Contracts.Access;
using CloudVm.Storage;
using CloudVm.Storage.Entities;

namespace CloudVm.Api.Access;

/// <summary><c>POST /tickets</c></summary>
internal sealed class Tickets(CloudVmDbContext database, ProjectScope scope, TimeProvider timeProvider)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    public async Task<Answer> HandleAsync(JsonBody<TicketRequest> body, CancellationToken cancellationToken)
    {
        if (body.Value.Path?.StartsWith(ApiRoutes.Root + "/", StringComparison.Ordinal) != true)
            body.Refuse("/path", "invalidPath", $"Name the path that the ticket opens, such as {ApiRoutes.Root}/events.");
        var request = body.Demand();

        var value = Secrets.New("cvt_");
        var ticket = new TicketEntity
        {
            TicketHash = Secrets.Hash(value),
            TokenId = scope.Principal.TokenId,
            Path = request.Path!,
            ExpiresAt = timeProvider.GetDatabaseNow() + Lifetime,
        };
        database.Tickets.Add(ticket);
        await database.SaveChangesAsync(cancellationToken);
        return Answer.CreatedSecret(new Ticket { Value = value, ExpiresAt = ticket.ExpiresAt });
    }
}
