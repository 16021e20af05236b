namespace CloudVm.Hypervisor.Disks;

/// <summary>Where a block's content is. The values are stored in overlay journals.</summary>
public enum BlockState
{
    /// <summary>In the base, or zeros where there is none.</summary>
    Base = 0,

    /// <summary>In the overlay's data file.</summary>
    Data = 1,

    /// <summary>Zeros, whatever the base and the data file hold.</summary>
    Zero = 2,
}
