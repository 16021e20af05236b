using System.Security.Cryptography;
using System.Text;

namespace CloudVm.Worker.Nodes;

/// <summary>The secret that Api and node show each other (<c>$CLOUDVM_SECRETS_DIR/node</c>, mode 0600).</summary>
public sealed class NodeSecret
{
    /// <summary>Scheme of the <c>Authorization</c> header.</summary>
    public const string Scheme = "Node";

    private readonly byte[] _hash;

    private NodeSecret(string value) => _hash = SHA256.HashData(Encoding.UTF8.GetBytes(value));

    /// <summary>SHA-256 of the secret, as registered.</summary>
    public byte[] Hash => [.. _hash];

    /// <summary>Reads the secret; the first process of the installation to come by creates it.</summary>
    public static NodeSecret ReadOrCreate(WorkerOptions options)
    {
        Directory.CreateDirectory(
            options.SecretsDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string path = Path.Combine(options.SecretsDirectory, "node");
        if (!File.Exists(path))
            Create(path);
        string value = File.ReadAllText(path).Trim();
        return value.Length >= 32
            ? new NodeSecret(value)
            : throw new InvalidOperationException($"{path} holds no secret of at least 32 characters.");
    }

    /// <summary>Whether <paramref name="presented"/> is the secret; takes the same time for every wrong one.</summary>
    public bool Matches(string presented) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(presented)), _hash);

    private static void Create(string path)
    {
        string temporary = $"{path}.{Environment.ProcessId}";
        FileStreamOptions ownerOnly = new()
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (FileStream file = new(temporary, ownerOnly))
            file.Write(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32))));
        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary); // Another process was first; its secret holds.
        }
    }
}
