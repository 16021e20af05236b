using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>What a broadcast asks of a vCPU.</summary>
internal enum MaintenanceKind : byte
{
    /// <summary>Drop translations.</summary>
    Tlb,

    /// <summary>Drop all decoded code, and all translations.</summary>
    DropBlocks,
}

/// <summary>A broadcast: maintenance for all vCPUs of a domain but <see cref="Origin"/>, which has done it; -1 for none.</summary>
internal readonly record struct MaintenanceRequest(MaintenanceKind Kind, TlbInvalidation Tlb, int Origin = -1);

/// <summary>
/// The latest broadcasts, numbered from 1. Each vCPU reads on from the last one that it has done; one that fell behind further than the
/// log reaches drops everything instead.
/// </summary>
/// <remarks>Thread: any.</remarks>
internal sealed class MaintenanceLog
{
    private const int Size = 256;
    private readonly MaintenanceRequest[] _requests = new MaintenanceRequest[Size];
    private readonly Lock _gate = new();
    private long _last;
    private long _lastDrop;

    /// <summary>Number of the last broadcast.</summary>
    public long Last => Volatile.Read(ref _last);

    /// <summary>Number of the last broadcast that drops decoded code.</summary>
    public long LastDrop => Volatile.Read(ref _lastDrop);

    public long Append(in MaintenanceRequest request)
    {
        lock (_gate)
        {
            var number = _last + 1;
            _requests[number % Size] = request;
            if (request.Kind == MaintenanceKind.DropBlocks)
                Volatile.Write(ref _lastDrop, number);
            Volatile.Write(ref _last, number);
            return number;
        }
    }

    /// <summary>Reads broadcast <paramref name="number"/>, which was made; false when it is no longer kept.</summary>
    public bool TryRead(long number, out MaintenanceRequest request)
    {
        request = _requests[number % Size];

        // The writer of number + Size starts when that minus one is the last: up to then the copy is whole.
        Volatile.ReadBarrier();
        return Volatile.Read(ref _last) < number + Size - 1;
    }
}
