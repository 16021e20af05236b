using System.Linq.Expressions;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.HostProfiles;

/// <summary><c>/host-profiles</c></summary>
internal sealed class HostProfileCatalogue(CloudVmDbContext database, Pager pager, TimeProvider timeProvider)
{
    private const int MaxCpus = 64;

    private static readonly Listing<HostProfileEntity> Listing = new(
        new FieldMap<HostProfileEntity>()
            .AddOrdered("name", p => p.Name)
            .Add("description", p => p.Description)
            .Add("builtIn", p => p.BuiltIn)
            .Add("vectorLengthPolicy", p => p.VectorLengthPolicy)
            .AddOrdered("maxVcpus", p => p.MaxVcpus),
        DefaultOrder: "name",
        Key: (Expression<Func<HostProfileEntity, string>>)(p => p.Name));

    public async Task<Answer> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        Answer.Ok(await pager.ListAsync(database.HostProfiles, request, Listing, p => p.ToContract(), cancellationToken));

    public async Task<Answer> GetAsync(string name, CancellationToken cancellationToken)
    {
        var profile = (await FindAsync(name, cancellationToken)).ToContract();
        return Answer.Ok(profile, profile.Etag);
    }

    public async Task<Answer> CreateAsync(JsonBody<HostProfileDefinition> body, CancellationToken cancellationToken)
    {
        var definition = body.Value;
        if (definition.Name is null)
            body.Refuse("/name", "required", "A host profile needs a name.");
        else if (!Names.IsValid(definition.Name))
            body.Refuse("/name", "invalidName", Names.Rule);
        else if (await database.HostProfiles.AnyAsync(p => p.Name == definition.Name, cancellationToken))
            body.Refuse("/name", ProblemCodes.NameTaken, $"There is a host profile '{definition.Name}' already.");
        if (definition.Description?.Length > VmLimits.MaxDescriptionLength)
            body.Refuse("/description", "tooLong", $"A description has at most {VmLimits.MaxDescriptionLength} characters.");
        var cpus = CheckCpus(body);
        body.RefuseIfInvalid();

        var now = timeProvider.GetDatabaseNow();
        var entity = new HostProfileEntity
        {
            Name = definition.Name!,
            Description = definition.Description,
            Cpus = cpus,
            VectorLengthPolicy = definition.VectorLengthPolicy,
            MaxVcpus = VmLimits.MaxVcpus,
            CreatedAt = now,
        };
        database.HostProfiles.Add(entity);
        var profile = entity.ToContract();
        AddEvent(EventTypes.HostProfileCreated, profile);
        await database.SaveChangesAsync(cancellationToken);
        return Answer.Created($"/host-profiles/{profile.Name}", profile, profile.Etag);
    }

    public async Task<Answer> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        var profile = await FindAsync(name, cancellationToken);
        if (profile.BuiltIn)
            throw Refusal.Conflict(ProblemCodes.InUse, $"Host profile '{name}' is built in.");

        // Deleted VMs count too: their snapshots can only be restored on this profile.
        var users = await database.VirtualMachines.CountAsync(v => v.HostProfile == name, cancellationToken);
        if (users > 0)
            throw Refusal.Conflict(ProblemCodes.InUse, $"Host profile '{name}' is or was used by {users} VMs.");
        database.Remove(profile);
        AddEvent(EventTypes.HostProfileDeleted, profile.ToContract());
        return Answer.NoContent();
    }

    private static List<HostCpu> CheckCpus(JsonBody<HostProfileDefinition> body)
    {
        var cpus = body.Value.Cpus ?? [];
        if (cpus.Count is < 1 or > MaxCpus && !body.Reasons.Exists(r => r.Pointer.StartsWith("/cpus", StringComparison.Ordinal)))
            body.Refuse("/cpus", "outOfRange", $"An emulated host has 1 to {MaxCpus} CPUs.");
        foreach (var (cpu, lengths) in cpus.Select(c => c.VectorLengthsBits).Index())
        {
            foreach (var (index, bits) in lengths.Index().Where(l => !VectorLengthRules.IsArchitectural(l.Item)))
                body.Refuse($"/cpus/{cpu}/vectorLengthsBits/{index}", "notAVectorLength", $"{bits} is not a multiple of 128 between 128 and 2048.");

            // ARM DDI 0487, FEAT_SVE: every power of two up to the largest length is implemented.
            foreach (var missing in PowersOfTwoBelow(lengths.DefaultIfEmpty(0).Max()).Except(lengths))
                body.Refuse($"/cpus/{cpu}/vectorLengthsBits", "missingPowerOfTwo", $"A CPU with {lengths.Max()} bits has {missing} bits too.");
        }

        return [.. cpus.Select(c => new HostCpu { VectorLengthsBits = [.. c.VectorLengthsBits.Distinct().Order()] })];
    }

    private static IEnumerable<int> PowersOfTwoBelow(int maximum)
    {
        for (var bits = VectorLengthRules.BitsPerVq; bits <= Math.Min(maximum, VectorLengthRules.MaxBits); bits *= 2)
            yield return bits;
    }

    private void AddEvent(string type, HostProfile profile) => database.AddEvent(
        type,
        new ResourceReference("hostProfile", profile.Name, profile.Name),
        projectId: null,
        vmId: null,
        profile,
        timeProvider.GetDatabaseNow());

    private async Task<HostProfileEntity> FindAsync(string name, CancellationToken cancellationToken) =>
        await database.HostProfiles.FirstOrDefaultAsync(p => p.Name == name, cancellationToken) ?? throw Refusal.NotFound("host profile", name);
}
