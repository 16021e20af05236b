using System.Text.Json;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Problems;

namespace CloudVm.Api.Images;

/// <summary>
/// Looks at the beginning of a disk image while it is uploaded, so that what no node could import is refused before it is stored. The
/// tables inside are checked by the import.
/// </summary>
internal sealed class DiskImageCheck(DiskFormat? format)
{
    private readonly byte[] _start = new byte[DiskImageHeader.Bytes];
    private int _length;

    /// <summary>The layout that the request states; null where it leaves it to the file's magic number.</summary>
    public static DiskFormat? ReadFormat(HttpRequest request, ImageKind kind, List<ProblemReason> reasons)
    {
        if (request.Query["format"].FirstOrDefault() is not { Length: > 0 } name)
            return null;
        var formats = Enum.GetValues<DiskFormat>().ToDictionary(f => JsonNamingPolicy.CamelCase.ConvertName(f.ToString()));
        if (kind != ImageKind.Disk)
            reasons.Add(new ProblemReason("?format", "invalidParameter", "Only disk images have a format."));
        else if (name != "auto" && !formats.ContainsKey(name))
            reasons.Add(new ProblemReason("?format", "invalidParameter", $"'{name}' is none of auto, {string.Join(", ", formats.Keys)}."));
        return formats.TryGetValue(name, out var format) ? format : null;
    }

    /// <summary>Takes the upload's first part.</summary>
    /// <exception cref="ProblemException">It begins no image that can be imported; every reason is named.</exception>
    public void Begin(ReadOnlySpan<byte> part)
    {
        _length = Math.Min(part.Length, _start.Length);
        part[.._length].CopyTo(_start);
        Read(long.MaxValue / 2); // how long it will be is not known yet
    }

    /// <summary>The disk that the complete file describes.</summary>
    /// <exception cref="ProblemException">There is none; every reason is named.</exception>
    public ImageDisk Complete(long fileBytes)
    {
        var header = Read(fileBytes)!;
        return new ImageDisk(header.Format, header.VirtualSizeBytes);
    }

    private DiskImageHeader? Read(long fileBytes)
    {
        var isBeginning = fileBytes == long.MaxValue / 2;
        if (isBeginning && (format ?? (DiskImageHeader.IsQcow2(_start) ? DiskFormat.Qcow2 : DiskFormat.Raw)) == DiskFormat.Raw)
            return null; // a raw image is as long as it turns out to be
        var faults = new List<string>();
        var header = DiskImageHeader.Read(_start.AsSpan(0, _length), fileBytes, format, faults);
        return faults.Count == 0
            ? header
            : throw Refusal.Invalid([.. faults.Select(fault => new ProblemReason("", "unusableDiskImage", fault))]);
    }
}
