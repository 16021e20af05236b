using CloudVm.Contracts.Control;

namespace CloudVm.FakeHypervisor;

/// <summary>Disks of a fake machine: an overlay is one file of block numbers and blocks, written whenever it changes.</summary>
internal sealed class FakeDisks(IReadOnlyList<DiskDefinition> definitions)
{
    private readonly Dictionary<string, Overlay> _overlays = definitions.ToDictionary(d => d.Name, d => new Overlay(d.OverlayPath));
    private readonly Dictionary<string, Overlay> _restoring = [];

    public MachineDisks Status() =>
        new([.. definitions.Select(d => new DiskStatus(d.Name, d.SizeBytes, (long)_overlays[d.Name].Blocks.Count * ControlProtocol.ChunkBytes, d.ReadOnly))]);

    public DiskBlockMap Map(string disk, long epoch)
    {
        DiskDefinition definition = definitions.Single(d => d.Name == disk);
        int count = (int)((definition.SizeBytes + ControlProtocol.ChunkBytes - 1) / ControlProtocol.ChunkBytes);
        Overlay overlay = _overlays[disk];
        return new DiskBlockMap(
            disk, definition.SizeBytes, ControlProtocol.ChunkBytes, count, epoch,
            FakeMachine.Bitmap(count, overlay.Blocks.Keys), new byte[(count + 7) / 8], FakeMachine.Bitmap(count, overlay.Dirty));
    }

    public byte[] Read(string disk, int first, int count)
    {
        byte[] data = new byte[count * ControlProtocol.ChunkBytes];
        for (int i = 0; i < count; i++)
            _overlays[disk].Blocks.GetValueOrDefault(first + i)?.CopyTo(data, i * ControlProtocol.ChunkBytes);
        return data;
    }

    /// <summary>What the guest of a fake machine writes at its start.</summary>
    public void Write(int block, byte value)
    {
        byte[] content = new byte[ControlProtocol.ChunkBytes];
        Array.Fill(content, value);
        _overlays[definitions[0].Name].Write(block, content);
    }

    public void BeginRestore(IReadOnlyList<RestoreDisk> disks)
    {
        _restoring.Clear();
        foreach (RestoreDisk disk in disks)
        {
            File.Delete(disk.OverlayPath);
            _restoring[disk.Name] = new Overlay(disk.OverlayPath);
        }
    }

    public void Put(string disk, int first, byte[] data)
    {
        foreach (byte[] block in data.Chunk(ControlProtocol.ChunkBytes))
            _restoring[disk].Write(first++, block);
    }

    public void CompleteRestore()
    {
        foreach ((string name, Overlay overlay) in _restoring)
            _overlays[name] = overlay;
        _restoring.Clear();
    }

    public void BeginDirtyEpoch()
    {
        foreach (Overlay overlay in _overlays.Values)
            overlay.Dirty.Clear();
    }

    private sealed class Overlay
    {
        private readonly string _path;

        public Overlay(string path)
        {
            _path = path;
            if (!File.Exists(path))
            {
                File.WriteAllBytes(path, []);
                return;
            }

            foreach (byte[] record in File.ReadAllBytes(path).Chunk(sizeof(int) + ControlProtocol.ChunkBytes))
                Blocks[BitConverter.ToInt32(record)] = record[sizeof(int)..];
        }

        public SortedDictionary<int, byte[]> Blocks { get; } = [];

        public HashSet<int> Dirty { get; } = [];

        public void Write(int block, byte[] content)
        {
            Blocks[block] = content;
            Dirty.Add(block);
            File.WriteAllBytes(_path, [.. Blocks.SelectMany(b => (byte[])[.. BitConverter.GetBytes(b.Key), .. b.Value])]);
        }
    }
}
