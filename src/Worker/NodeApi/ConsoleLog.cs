using System.Globalization;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.NodeApi;

/// <summary>The stored console log, which outlives the guest and only grows.</summary>
internal static class ConsoleLog
{
    /// <summary>Offset in the log of the answer's first byte.</summary>
    public const string OffsetHeader = "X-CloudVm-Log-Offset";

    /// <summary>Length of the log when the answer was begun.</summary>
    public const string LengthHeader = "X-CloudVm-Log-Length";

    /// <param name="id">The VM.</param>
    /// <param name="from">Byte offset to begin at.</param>
    /// <param name="tail">Only the last so many bytes.</param>
    /// <param name="paths">Where the log is.</param>
    /// <param name="context">The request.</param>
    public static IResult Handle(Guid id, long? from, long? tail, NodePaths paths, HttpContext context)
    {
        if (from is not null && tail is not null)
            return NodeProblems.Invalid("?tail", "Give from or tail, not both.");
        if (from < 0 || tail < 0)
            return NodeProblems.Invalid(from < 0 ? "?from" : "?tail", "It must not be negative.");

        string path = paths.ForVm(id).ConsoleLog;
        long length = File.Exists(path) ? new FileInfo(path).Length : 0;
        long start = tail is { } last ? Math.Max(0, length - last) : Math.Min(from ?? 0, length);
        context.Response.Headers[OffsetHeader] = start.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers[LengthHeader] = length.ToString(CultureInfo.InvariantCulture);
        if (start == length)
            return Results.Text("", "text/plain; charset=utf-8");

        FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(start, SeekOrigin.Begin);
        // Bounded by the length told above: the guest may print faster than the reader reads.
        return Results.Stream(
            async target =>
            {
                await using (file.ConfigureAwait(false))
                    await CopyAsync(file, target, length - start, context.RequestAborted).ConfigureAwait(false);
            },
            "text/plain; charset=utf-8");
    }

    private static async Task CopyAsync(FileStream source, Stream target, long count, CancellationToken ct)
    {
        byte[] buffer = new byte[64 * 1024];
        while (count > 0)
        {
            int read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), ct).ConfigureAwait(false);
            if (read == 0)
                return;
            await target.WriteAsync(buffer.AsMemory(0, read), ct).ConfigureAwait(false);
            count -= read;
        }
    }
}
