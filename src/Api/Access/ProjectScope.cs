using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary>
/// What of the database the principal may see: the one place where projects are kept apart. Handlers reach tenant rows
/// through it and never through the context.
/// </summary>
internal sealed class ProjectScope(CloudVmDbContext database, IHttpContextAccessor http)
{
    private readonly ApiPrincipal _principal = http.HttpContext!.User.GetPrincipal();

    public ApiPrincipal Principal => _principal;

    /// <summary>VMs that are not deleted.</summary>
    public IQueryable<VirtualMachineEntity> Vms => IsUnlimited
        ? database.VirtualMachines.Where(v => v.DeletedAt == null)
        : database.VirtualMachines.Where(v => v.DeletedAt == null && ProjectIds.Contains(v.ProjectId));

    public IQueryable<OperationEntity> Operations => IsUnlimited
        ? database.Operations
        : database.Operations.Where(o => ProjectIds.Contains(o.ProjectId));

    public IQueryable<SnapshotEntity> Snapshots => IsUnlimited
        ? database.Snapshots
        : database.Snapshots.Where(s => ProjectIds.Contains(s.ProjectId));

    public IQueryable<SnapshotScheduleEntity> Schedules => IsUnlimited
        ? database.SnapshotSchedules
        : database.SnapshotSchedules.Where(s => ProjectIds.Contains(s.ProjectId));

    /// <summary>Complete images: the projects' own and the built-in ones.</summary>
    public IQueryable<ImageEntity> Images => IsUnlimited
        ? database.Images.Where(i => i.State == ImageState.Ready)
        : database.Images.Where(i => i.State == ImageState.Ready && (i.ProjectId == null || ProjectIds.Contains(i.ProjectId.Value)));

    /// <summary>Projects of the principal.</summary>
    public IQueryable<ProjectEntity> Projects => IsUnlimited
        ? database.Projects
        : database.Projects.Where(p => ProjectIds.Contains(p.Id));

    private bool IsUnlimited => _principal.IsAtLeast(Role.Administrator);

    private Guid[] ProjectIds => [.. _principal.ProjectIds];

    /// <summary>Whether an event may be shown. What belongs to no project, such as nodes, is for everybody.</summary>
    public bool MaySee(Guid? projectId) => projectId is not { } id || IsUnlimited || _principal.ProjectIds.Contains(id);

    /// <summary>The project to create something in.</summary>
    /// <param name="name">As the request names it; null for the default.</param>
    /// <param name="reasons">Gets the reason where there is no such project.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<ProjectEntity?> FindProjectAsync(string? name, List<ProblemReason> reasons, CancellationToken cancellationToken)
    {
        name ??= "default";
        var project = await Projects.FirstOrDefaultAsync(p => p.Name == name, cancellationToken);
        if (project is null)
            reasons.Add(new ProblemReason("/project", "unknownProject", $"There is no project '{name}' that you may use."));
        return project;
    }

    /// <summary>The VM with its row locked until the transaction ends, so that its mutations come one after the other.</summary>
    public async Task<VirtualMachineEntity> LockVmAsync(Guid id, CancellationToken cancellationToken)
    {
        await database.Database.ExecuteSqlAsync($"SELECT FROM virtual_machines WHERE id = {id} FOR UPDATE", cancellationToken);
        return await Vms.FirstOrDefaultAsync(v => v.Id == id, cancellationToken) ?? throw Refusal.NotFound("VM", id);
    }
}
