using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace CloudVm.Storage;

/// <summary>Keys of PostgreSQL advisory locks.</summary>
public static class AdvisoryLocks
{
    /// <summary>Held while events get their positions.</summary>
    public const long EventSequencer = 0x436c_6f75_6456_0001;

    /// <summary>A key for a name; two names share one only if 64 bits of their SHA-256 agree.</summary>
    public static long Of(string name) =>
        BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
}
