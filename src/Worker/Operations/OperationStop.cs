namespace CloudVm.Worker.Operations;

/// <summary>Why an operation under way is to stop before its end.</summary>
public enum OperationStop
{
    /// <summary>It is not.</summary>
    None = 0,

    /// <summary>Somebody asked for it.</summary>
    Cancelled,

    /// <summary>Another operation took its place; its row has ended already.</summary>
    Superseded,

    /// <summary>Its deadline passed.</summary>
    Overdue,
}
