using System.Linq.Expressions;
using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Images;

/// <summary><c>/images</c> without uploads</summary>
internal sealed class ImageCatalogue(CloudVmDbContext database, ProjectScope scope, Pager pager, TimeProvider timeProvider)
{
    private static readonly Listing<ImageEntity> Listing = new(
        new FieldMap<ImageEntity>()
            .Add("id", i => i.Id)
            .AddOrdered("name", i => i.Name)
            .Add("kind", i => i.Kind)
            .Add("builtIn", i => i.BuiltIn)
            .AddOrdered("sizeBytes", i => i.SizeBytes)
            .Add("description", i => i.Description)
            .AddOrdered("createdAt", i => i.CreatedAt),
        DefaultOrder: "name",
        Key: (Expression<Func<ImageEntity, Guid>>)(i => i.Id));

    public async Task<Answer> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        Answer.Ok(await pager.ListAsync(scope.Images, request, Listing, i => i.ToContract(), cancellationToken));

    public async Task<Answer> GetAsync(Guid id, CancellationToken cancellationToken)
    {
        var image = (await FindAsync(id, cancellationToken)).ToContract();
        return Answer.Ok(image, image.Etag);
    }

    public async Task<Answer> DeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        // Whoever makes a VM of the image holds a share lock on its row meanwhile.
        await database.Database.ExecuteSqlAsync($"SELECT FROM images WHERE id = {id} FOR UPDATE", cancellationToken);
        var image = await FindAsync(id, cancellationToken);
        if (image.BuiltIn)
            throw Refusal.Conflict(ProblemCodes.InUse, $"Image '{image.Name}' is built in.");

        var reasons = await FindUsersAsync(id, cancellationToken);
        if (reasons.Count > 0)
            throw Refusal.Conflict(ProblemCodes.InUse, $"Image '{image.Name}' is in use.", reasons);

        var contract = image.ToContract();
        image.State = ImageState.Deleted;
        await database.ImageParts.Where(p => p.ImageId == id).ExecuteDeleteAsync(cancellationToken);
        database.AddEvent(EventTypes.ImageDeleted, contract, image.ProjectId, timeProvider.GetDatabaseNow());
        return Answer.NoContent();
    }

    private async Task<List<ProblemReason>> FindUsersAsync(Guid id, CancellationToken cancellationToken)
    {
        var vms = await database.VirtualMachines.Where(v => v.ImageId == id && v.DeletedAt == null)
            .Select(v => v.Name).Order().ToListAsync(cancellationToken);
        var snapshots = await database.Snapshots.Where(s => s.ImageId == id && s.State != SnapshotState.Failed)
            .Select(s => s.Name).Order().ToListAsync(cancellationToken);
        // Disks are JSON, where the database keeps no references.
        var overDisk = JsonSerializer.Serialize(new[] { new { image = new { id } } }, CloudVmJson.Options);
        var diskVms = await database.VirtualMachines
            .FromSql($"SELECT * FROM virtual_machines WHERE deleted_at IS NULL AND disks @> {overDisk}::jsonb")
            .Select(v => v.Name).Order().ToListAsync(cancellationToken);
        var diskSnapshots = await database.Snapshots
            .FromSql($"SELECT * FROM snapshots WHERE state <> 'failed' AND disks @> {overDisk}::jsonb")
            .Select(s => s.Name).Order().ToListAsync(cancellationToken);
        return
        [
            .. diskVms.Select(name => new ProblemReason("", ProblemCodes.InUse, $"VM '{name}' has a disk over it.")),
            .. diskSnapshots.Select(name => new ProblemReason("", ProblemCodes.InUse, $"Snapshot '{name}' has a disk over it.")),
            .. vms.Select(name => new ProblemReason("", ProblemCodes.InUse, $"VM '{name}' boots it.")),
            .. snapshots.Select(name => new ProblemReason("", ProblemCodes.InUse, $"Snapshot '{name}' needs it.")),
        ];
    }

    private async Task<ImageEntity> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await scope.Images.FirstOrDefaultAsync(i => i.Id == id, cancellationToken) ?? throw Refusal.NotFound("image", id);
}
