namespace CloudVm.Hypervisor.Snapshots;

/// <summary>A part of the machine with state of its own: one section of the saved state.</summary>
public interface ISnapshottable
{
    /// <summary>Unique within a machine, ASCII, such as <c>gic</c> or <c>vcpu/3</c>.</summary>
    string SectionName { get; }

    /// <summary>Raised whenever the section's layout changes.</summary>
    ushort SectionVersion { get; }

    /// <summary>Writes the state. The machine is paused.</summary>
    void Save(StateWriter writer);

    /// <summary>
    /// Reads and checks a whole section without touching the machine. The returned action takes the state over and cannot fail, so a
    /// restore happens for all sections or for none.
    /// </summary>
    /// <exception cref="StateFormatException">The section is damaged or belongs to a different machine.</exception>
    Action PrepareRestore(StateReader reader);
}
