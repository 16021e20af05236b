using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace CloudVm.Api.Access;

/// <summary>Opaque random values and what is kept of them.</summary>
internal static class Secrets
{
    private const int Bytes = 32;

    /// <summary>A value nobody can guess, with a prefix that secret scanners can look for.</summary>
    public static string New(string prefix) => prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>What is stored of a value; with 256 random bits there is nothing for a slow hash to protect.</summary>
    public static byte[] Hash(string value) => SHA256.HashData(Encoding.UTF8.GetBytes(value));
}
