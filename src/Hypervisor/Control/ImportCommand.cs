using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using CloudVm.Contracts.Images;
using CloudVm.Hypervisor.Disks.Import;

namespace CloudVm.Hypervisor.Control;

/// <summary><c>import-disk</c>: makes a base for overlays of a disk image, in a process of its own since images are hostile.</summary>
internal static partial class ImportCommand
{
    public const string Usage = "import-disk --from FILE --to FILE [--format raw|qcow2|auto]";

    /// <summary>Prints what was imported as JSON; 1, with the reasons on standard error, when it cannot be.</summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var from = arguments.Required("--from");
        var to = arguments.Required("--to");
        DiskFormat? format = arguments.Value("--format") switch
        {
            null or "auto" => null,
            "raw" => DiskFormat.Raw,
            "qcow2" => DiskFormat.Qcow2,
            var other => throw new UsageException($"There is no format '{other}'."),
        };
        arguments.RefuseRest();
        using var cancellation = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            cancellation.Cancel();
        });
        try
        {
            var disk = DiskImport.Run(from, to, format, cancellation.Token);
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(disk, ImportJson.Default.ImportedDisk)).ConfigureAwait(false);
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return 1;
        }
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
    [JsonSerializable(typeof(ImportedDisk))]
    private sealed partial class ImportJson : JsonSerializerContext;
}
