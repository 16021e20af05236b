using CloudVm.Api.Access;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Vms;

/// <summary>Finds the images that definitions name.</summary>
internal static class ImageLookup
{
    /// <summary>
    /// The image of that id or name; null when there is none to use. A project's own image hides a built-in one of the same name. The
    /// lock keeps it from being deleted until the transaction ends.
    /// </summary>
    public static async Task<ImageEntity?> LockImageAsync(
        this CloudVmDbContext database, ProjectScope scope, string named, ProjectEntity? project, CancellationToken cancellationToken)
    {
        var id = Guid.TryParse(named, out var parsed) ? parsed : (Guid?)null;
        var found = await scope.Images
            .Where(i => i.Id == id || (i.Name == named && (i.ProjectId == null || (project != null && i.ProjectId == project.Id))))
            .OrderByDescending(i => i.Id == id).ThenBy(i => i.BuiltIn)
            .Select(i => i.Id)
            .FirstOrDefaultAsync(cancellationToken);
        return await database.Images
            .FromSql($"SELECT * FROM images WHERE id = {found} AND state = 'ready' FOR SHARE")
            .SingleOrDefaultAsync(cancellationToken);
    }
}
