using System.Xml.Linq;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary>Keeps data-protection keys in PostgreSQL, so that every instance reads what another has sealed.</summary>
internal sealed class DatabaseKeyRepository(IDbContextFactory<CloudVmDbContext> databases, TimeProvider timeProvider) : IXmlRepository
{
    public IReadOnlyCollection<XElement> GetAllElements()
    {
        using var database = databases.CreateDbContext();
        return [.. database.DataProtectionKeys.AsNoTracking().Select(k => k.Xml).AsEnumerable().Select(XElement.Parse)];
    }

    public void StoreElement(XElement element, string friendlyName)
    {
        using var database = databases.CreateDbContext();
        database.DataProtectionKeys.Add(new DataProtectionKeyEntity
        {
            Id = timeProvider.NewId(),
            FriendlyName = friendlyName,
            Xml = element.ToString(SaveOptions.DisableFormatting),
            CreatedAt = timeProvider.GetDatabaseNow(),
        });
        database.SaveChanges();
    }
}
