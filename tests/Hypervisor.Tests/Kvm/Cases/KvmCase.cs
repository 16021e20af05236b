using System.Text;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>One row of kvm-cases.csv: what a kernel answers.</summary>
internal sealed record KvmCase(string Id, string Profile, string Setup, string Operation, string Expected)
{
    /// <summary>Every row, in the file's order.</summary>
    public static IReadOnlyList<KvmCase> All { get; } = [.. Read()];

    /// <summary>
    /// The generations of the interface that the row speaks of. Rows about the host's vector lengths hold in all; rows about QEMU and about
    /// a policy that no kernel has do not depend on one.
    /// </summary>
    public IReadOnlyList<AbiProfile> Profiles => Profile switch
    {
        _ when Profile.StartsWith("upstream(", StringComparison.Ordinal) => [AbiProfile.Linux61, AbiProfile.Linux612],
        _ when Profile.StartsWith("old(", StringComparison.Ordinal) => [AbiProfile.Linux61],
        _ when Profile.StartsWith("new(", StringComparison.Ordinal) => [AbiProfile.Linux612],
        _ when Profile.StartsWith("policy proposed", StringComparison.Ordinal) => [AbiProfile.Linux612],
        _ when Profile.StartsWith("rfc2018 + upstream", StringComparison.Ordinal) => AbiProfile.All,
        "v6.1" => [AbiProfile.Linux61],
        "v6.12" => [AbiProfile.Linux612],
        "rfc2018" => [AbiProfile.Rfc2018],
        "raw KVM restore" or "qemu-kvm" => [AbiProfile.Linux61, AbiProfile.Linux612],
        _ when Profile.StartsWith("qemu-", StringComparison.Ordinal) => [AbiProfile.Linux612],
        _ => throw new InvalidDataException($"Case {Id} is for the unknown profile '{Profile}'."),
    };

    private static IEnumerable<KvmCase> Read()
    {
        foreach (var line in File.ReadLines(RepositoryRoot.Combine("tests", "Hypervisor.Tests", "Data", "kvm-cases.csv")).Skip(1))
        {
            var fields = Split(line);
            yield return new(fields[0], fields[1], fields[2], fields[3], fields[4]);
        }
    }

    /// <summary>Fields between commas; one in quotes may hold commas, and doubled quotes for one.</summary>
    private static List<string> Split(string line)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"')
                field.Append(line[i++]);
            else if (line[i] == '"')
                quoted = !quoted;
            else if (line[i] == ',' && !quoted)
                Take();
            else
                field.Append(line[i]);
        }

        Take();
        return fields;

        void Take()
        {
            fields.Add(field.ToString());
            field.Clear();
        }
    }
}
