using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using CloudVm.Contracts.Images;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Images;

/// <summary>
/// Raw files of disk images on this node, which all VMs share as bases of their overlays. An image is imported once, by a process of its
/// own since its bytes are hostile, and named by the SHA-256 of what was uploaded.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class DiskBases(WorkerOptions options, NodePaths paths, ImageFiles images, IHostApplicationLifetime lifetime)
{
    private const int MaxReasonLength = 2000;

    private readonly ConcurrentDictionary<string, Lazy<Task<string>>> _imports = new(StringComparer.Ordinal);

    /// <summary>Path of the image's raw file. A long import goes on when the caller stops waiting, and the next one joins it.</summary>
    /// <exception cref="FileNotFoundException">The node lacks a built-in image's file.</exception>
    /// <exception cref="InvalidDataException">The image cannot be imported, or is not what its row says; the message says why.</exception>
    public async Task<string> ResolveAsync(ImageEntity image, CancellationToken ct)
    {
        string sha256 = Convert.ToHexStringLower(image.Sha256);
        string path = Path.Combine(paths.ImageCache, sha256 + ".raw");
        if (File.Exists(path))
            return path;
        Lazy<Task<string>> import = _imports.GetOrAdd(sha256, _ => new Lazy<Task<string>>(() => ImportAsync(image, sha256, path)));
        try
        {
            return await import.Value.WaitAsync(ct).ConfigureAwait(false);
        }
        finally
        {
            if (import.Value.IsCompleted)
                _imports.TryRemove(new KeyValuePair<string, Lazy<Task<string>>>(sha256, import));
        }
    }

    private async Task<string> ImportAsync(ImageEntity image, string sha256, string path)
    {
        CancellationToken stopping = lifetime.ApplicationStopping;
        IReadOnlyDictionary<string, string> files = await images.ResolveAsync(image, stopping).ConfigureAwait(false);
        ImageDisk disk = image.Disk ?? throw new InvalidDataException($"Image '{image.Name}' is no disk.");
        string source = files.GetValueOrDefault("disk") ?? throw new InvalidDataException($"Image '{image.Name}' has no disk.");
        string incoming = path + ".incoming";
        try
        {
            Imported imported = await RunAsync(source, incoming, image.Name, disk.Format, stopping).ConfigureAwait(false);
            if (imported.Sha256 != sha256 || imported.VirtualSizeBytes != disk.VirtualSizeBytes)
                throw new InvalidDataException($"Image '{image.Name}' was imported as {imported}, its row says {sha256} and {disk.VirtualSizeBytes} bytes.");
            File.Move(incoming, path, overwrite: true);
        }
        finally
        {
            File.Delete(incoming);
        }

        if (!image.BuiltIn)
            File.Delete(source); // its bytes are in the database, and nobody needs them here again
        return path;
    }

    private async Task<Imported> RunAsync(string from, string to, string imageName, DiskFormat layout, CancellationToken ct)
    {
        bool isLibrary = options.HypervisorPath.EndsWith(".dll", StringComparison.Ordinal);
        ProcessStartInfo start = new(isLibrary ? HypervisorLauncher.FindDotnet() : options.HypervisorPath)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string format = layout == DiskFormat.Qcow2 ? "qcow2" : "raw";
        foreach (string argument in (string[])[.. isLibrary ? (string[])[options.HypervisorPath] : [], "import-disk", "--from", from, "--to", to, "--format", format])
            start.ArgumentList.Add(argument);
        start.Environment.Clear();
        foreach ((string name, string value) in HypervisorLauncher.GuestFacingEnvironment())
            start.Environment[name] = value;

        using Process process = Process.Start(start) ?? throw new InvalidDataException("The import could not be started.");
        try
        {
            Task<string> reason = process.StandardError.ReadToEndAsync(ct);
            string output = await process.StandardOutput.ReadToEndAsync(ct).ConfigureAwait(false);
            await process.WaitForExitAsync(ct).ConfigureAwait(false);
            if (process.ExitCode == 0)
                return JsonSerializer.Deserialize<Imported>(output, JsonSerializerOptions.Web)!;
            string text = (await reason.ConfigureAwait(false)).Trim();
            throw new InvalidDataException($"Image '{imageName}' cannot be imported: {(text.Length > MaxReasonLength ? text[..MaxReasonLength] : text)}");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private sealed record Imported(long VirtualSizeBytes, string Sha256);
}
