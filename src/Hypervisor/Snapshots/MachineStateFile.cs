using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace CloudVm.Hypervisor.Snapshots;

/// <summary>
/// The saved state of a machine without its memory: magic, format version, sections with name, version and CRC-32C, and a SHA-256 of
/// everything before it. Little-endian.
/// </summary>
public static class MachineStateFile
{
    /// <summary>Raised when the container's layout changes; sections have versions of their own.</summary>
    public const ushort FormatVersion = 1;

    private const int MaxSections = 4096;
    private const int MaxNameBytes = 64;

    private static ReadOnlySpan<byte> Magic => "CLOUDVM\u0001"u8;

    /// <summary>Saves all parts, in order.</summary>
    public static byte[] Write(IReadOnlyList<ISnapshottable> parts)
    {
        var buffer = new ArrayBufferWriter<byte>(16 * 1024);
        buffer.Write(Magic);
        WriteUInt16(buffer, FormatVersion);
        WriteUInt16(buffer, (ushort)parts.Count);
        foreach (var part in parts)
        {
            var writer = new StateWriter();
            part.Save(writer);
            var name = Encoding.ASCII.GetBytes(part.SectionName);
            WriteUInt16(buffer, (ushort)name.Length);
            buffer.Write(name);
            WriteUInt16(buffer, part.SectionVersion);
            WriteUInt32(buffer, (uint)writer.Written.Length);
            WriteUInt32(buffer, Crc32C(writer.Written));
            buffer.Write(writer.Written);
        }

        buffer.Write(SHA256.HashData(buffer.WrittenSpan));
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Checks a saved state against <paramref name="parts"/>, each section completely, before anything is taken over.
    /// </summary>
    /// <returns>The actions that take it over, one per part, in order. They do not fail.</returns>
    /// <exception cref="StateFormatException">Every reason why the state cannot be taken over.</exception>
    public static IReadOnlyList<Action> Prepare(ReadOnlyMemory<byte> state, IReadOnlyList<ISnapshottable> parts)
    {
        var sections = ReadSections(state);
        var actions = new List<Action>();
        var errors = new List<string>();
        var onlyIncompatible = true;
        foreach (var part in parts)
        {
            if (!sections.Remove(part.SectionName, out var section))
            {
                errors.Add($"The state has no section {part.SectionName}, which this machine needs.");
                continue;
            }

            if (section.Version != part.SectionVersion)
            {
                errors.Add($"Section {part.SectionName} has version {section.Version}; version {part.SectionVersion} is understood.");
                continue;
            }

            try
            {
                var reader = new StateReader(part.SectionName, section.Data);
                var action = part.PrepareRestore(reader);
                reader.ExpectEnd();
                actions.Add(action);
            }
            catch (StateFormatException e)
            {
                errors.AddRange(e.Reasons);
                onlyIncompatible &= e.Incompatible;
            }
        }

        errors.AddRange(sections.Keys.Select(name => $"The state has a section {name}, which this machine does not have."));
        return errors.Count == 0 ? actions : throw new StateFormatException(errors, onlyIncompatible);
    }

    private static Dictionary<string, (ushort Version, ReadOnlyMemory<byte> Data)> ReadSections(ReadOnlyMemory<byte> state)
    {
        const int HashBytes = SHA256.HashSizeInBytes;
        if (state.Length < Magic.Length + 4 + HashBytes || !state.Span.StartsWith(Magic))
            throw new StateFormatException("This is no machine state of CloudVm.");
        var body = state[..^HashBytes];
        if (!CryptographicOperations.FixedTimeEquals(SHA256.HashData(body.Span), state.Span[^HashBytes..]))
            throw new StateFormatException("The state's hash does not match its content.");
        var reader = new StateReader("header", body[Magic.Length..]);
        var version = ReadUInt16(reader);
        if (version != FormatVersion)
            throw new StateFormatException($"The state has format version {version}; version {FormatVersion} is understood.", incompatible: true);
        var count = ReadUInt16(reader);
        if (count > MaxSections)
            throw new StateFormatException($"The state has {count} sections; at most {MaxSections} are accepted.");
        var sections = new Dictionary<string, (ushort, ReadOnlyMemory<byte>)>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var nameBytes = ReadUInt16(reader);
            if (nameBytes > MaxNameBytes)
                throw new StateFormatException($"Section {i} has a name of {nameBytes} bytes.");
            var name = Encoding.ASCII.GetString(reader.ReadBytes(nameBytes));
            var sectionVersion = ReadUInt16(reader);
            var length = reader.ReadInt32();
            var crc = reader.ReadUInt32();
            var data = reader.ReadBytes(length).ToArray();
            if (Crc32C(data) != crc)
                throw new StateFormatException($"Section {name} does not match its checksum.");
            if (!sections.TryAdd(name, (sectionVersion, data)))
                throw new StateFormatException($"Section {name} appears twice.");
        }

        reader.ExpectEnd();
        return sections;
    }

    private static uint Crc32C(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }

    private static ushort ReadUInt16(StateReader reader) => BinaryPrimitives.ReadUInt16LittleEndian(reader.ReadBytes(2));

    private static void WriteUInt16(ArrayBufferWriter<byte> buffer, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(buffer.GetSpan(2), value);
        buffer.Advance(2);
    }

    private static void WriteUInt32(ArrayBufferWriter<byte> buffer, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.GetSpan(4), value);
        buffer.Advance(4);
    }
}
