using System.Text;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Nodes;

/// <summary>
/// This node's id, kept in its state directory, and the lock on it: two Workers that acted for one node would both believe that
/// they own its VMs' processes. The kernel drops the lock when the holder ends, however it ends.
/// </summary>
public sealed class NodeIdentity : IDisposable
{
    private readonly FileStream _file;

    private NodeIdentity(FileStream file, Guid id)
    {
        _file = file;
        Id = id;
    }

    /// <summary>The id under which the node is registered.</summary>
    public Guid Id { get; }

    /// <summary>Takes the lock, and creates the id on the node's first start.</summary>
    /// <exception cref="InvalidOperationException">Another Worker acts for this node.</exception>
    public static NodeIdentity Acquire(NodePaths paths)
    {
        FileStream file;
        try
        {
            // On Unix an open without sharing takes an advisory lock (flock).
            file = new FileStream(paths.Identity, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException held)
        {
            throw new InvalidOperationException($"Another Worker holds {paths.Identity}; one node has one Worker.", held);
        }

        try
        {
            return new NodeIdentity(file, ReadOrCreate(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static Guid ReadOrCreate(FileStream file)
    {
        using StreamReader reader = new(file, leaveOpen: true);
        if (Guid.TryParse(reader.ReadToEnd().Trim(), out Guid existing))
            return existing;
        Guid created = Guid.CreateVersion7();
        file.SetLength(0);
        file.Write(Encoding.ASCII.GetBytes(created.ToString("D")));
        file.Flush(flushToDisk: true);
        return created;
    }
}
