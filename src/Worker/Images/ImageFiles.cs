using System.Security.Cryptography;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Data;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Images;

/// <summary>Brings an image's files onto this node: built-in ones are there, uploaded ones come from the database into a cache.</summary>
public sealed class ImageFiles(NodePaths paths, BuiltInImages builtIn, FencedDatabase database)
{
    /// <summary>Paths of the image's files by role.</summary>
    /// <exception cref="FileNotFoundException">The node lacks a built-in image's file.</exception>
    /// <exception cref="InvalidDataException">The stored bytes do not have the image's SHA-256.</exception>
    public async Task<IReadOnlyDictionary<string, string>> ResolveAsync(ImageEntity image, CancellationToken ct)
    {
        Dictionary<string, string> resolved = new(StringComparer.Ordinal);
        int part = 0;
        foreach (ImageFile file in image.Files)
        {
            resolved[file.Role] = image.BuiltIn
                ? builtIn.FindFile(file.Sha256) ?? throw new FileNotFoundException($"This node has no file {file.Path} of the built-in image '{image.Name}'.")
                : await FetchAsync(image, file, part, ct).ConfigureAwait(false);
            part += PartsOf(file);
        }

        return resolved;
    }

    private static int PartsOf(ImageFile file) => (int)((file.SizeBytes + ImagePartEntity.MaxBytes - 1) / ImagePartEntity.MaxBytes);

    private async Task<string> FetchAsync(ImageEntity image, ImageFile wanted, int first, CancellationToken ct)
    {
        string path = Path.Combine(paths.ImageCache, wanted.Sha256);
        if (File.Exists(path))
            return path;

        // Written under another name and renamed once it is known to be whole, so a file of the final name is always right.
        string temporary = $"{path}.{Guid.NewGuid():N}";
        try
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            await using (FileStream file = File.Create(temporary))
            {
                for (int ordinal = first; ordinal < first + PartsOf(wanted); ordinal++)
                {
                    int next = ordinal;
                    byte[] part = await database.ReadAsync(
                        (db, token) => db.ImageParts.Where(p => p.ImageId == image.Id && p.Ordinal == next).Select(p => p.Data).FirstOrDefaultAsync(token),
                        ct).ConfigureAwait(false) ?? throw new InvalidDataException($"A part of image '{image.Name}' is missing.");
                    hash.AppendData(part);
                    await file.WriteAsync(part, ct).ConfigureAwait(false);
                }
            }

            if (!hash.GetHashAndReset().AsSpan().SequenceEqual(Convert.FromHexString(wanted.Sha256)))
                throw new InvalidDataException($"The stored bytes of image '{image.Name}' do not have its SHA-256.");
            File.Move(temporary, path, overwrite: true);
            return path;
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
