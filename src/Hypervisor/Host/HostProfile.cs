using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Hypervisor.Host;

/// <summary>One physical CPU of a profile.</summary>
/// <param name="VectorLengths">Lengths that it implements; empty means no SVE.</param>
/// <param name="Midr">MIDR_EL1.</param>
public readonly record struct HostCpuProfile(VqSet VectorLengths, ulong Midr);

/// <summary>What an emulated host is made of.</summary>
public sealed record HostProfile(string Name, IReadOnlyList<HostCpuProfile> Cpus)
{
    /// <summary>Most physical CPUs of a host.</summary>
    public const int MaxCpus = 64;

    /// <summary>Physical CPUs of a built-in profile. More vCPUs than these share them by time slices.</summary>
    private const int DefaultCpuCount = 8;

    private const ulong MidrNeoverseN1 = 0x414fd0c1;
    private const ulong MidrA64Fx = 0x461f0010;
    private const ulong MidrNeoverseV1 = 0x411fd401;
    private const ulong MidrNeoverseV2 = 0x410fd4f0;

    /// <summary>Implementer 0 is reserved by Arm for software use; part and revision are ours.</summary>
    private const ulong MidrEmulated = 0x000f0510;

    /// <summary>What else KVM's interface asks about the host.</summary>
    public HostFacts Facts { get; init; } = HostFacts.Default;

    /// <summary>What guests get where CPUs differ in vector lengths.</summary>
    public VectorLengthPolicy VectorLengthPolicy { get; init; }

    private static readonly VqSet PowersOfTwo = VqSet.Of(1, 2, 4, 8, 16);

    /// <summary>The profiles that need no definition, by name.</summary>
    public static IReadOnlyDictionary<string, HostProfile> BuiltIn { get; } = new[]
    {
        Uniform("neoverse-n1", VqSet.Empty, MidrNeoverseN1),
        Uniform("a64fx", VqSet.Of(1, 2, 4), MidrA64Fx),
        Uniform("neoverse-v1", VqSet.Of(1, 2), MidrNeoverseV1),
        Uniform("neoverse-v2", VqSet.Of(1), MidrNeoverseV2),
        Uniform("max-pow2", PowersOfTwo, MidrEmulated),
        Uniform("max", new VqSet(0xffff), MidrEmulated),
        new HostProfile("mixed-cluster",
        [
            new HostCpuProfile(VqSet.Of(1, 2, 4), MidrEmulated), new HostCpuProfile(VqSet.Of(1, 2, 4), MidrEmulated),
            new HostCpuProfile(VqSet.Of(1, 2), MidrEmulated), new HostCpuProfile(VqSet.Of(1, 2), MidrEmulated),
        ]),
    }.ToDictionary(p => p.Name, StringComparer.Ordinal);

    /// <summary>Builds a profile from its wire form.</summary>
    /// <param name="definition">A built-in name, or any name with its CPUs.</param>
    /// <param name="errors">Receives every fault, each with a JSON pointer below <c>/hostProfile</c>.</param>
    /// <returns>The profile, or null if there were faults.</returns>
    public static HostProfile? Create(HostProfileDefinition definition, ICollection<ControlProblemReason> errors)
    {
        if (definition.Cpus is null)
        {
            if (definition.Name is not null && BuiltIn.TryGetValue(definition.Name, out var builtIn))
                return builtIn with { VectorLengthPolicy = definition.VectorLengthPolicy };
            errors.Add(new("/hostProfile/name",
                $"There is no built-in host profile '{definition.Name}'; there are {string.Join(", ", BuiltIn.Keys)}. Others must list their CPUs."));
            return null;
        }

        var before = errors.Count;
        if (definition.Cpus.Count is 0 or > MaxCpus)
            errors.Add(new("/hostProfile/cpus", $"A host has 1 to {MaxCpus} CPUs, not {definition.Cpus.Count}."));
        var cpus = new List<HostCpuProfile>();
        for (var i = 0; i < Math.Min(definition.Cpus.Count, MaxCpus); i++)
            cpus.Add(CreateCpu(definition.Cpus[i], string.Create(CultureInfo.InvariantCulture, $"/hostProfile/cpus/{i}"), errors));
        return errors.Count > before ? null : new HostProfile(definition.Name, cpus) { VectorLengthPolicy = definition.VectorLengthPolicy };
    }

    /// <summary>Builds one CPU from its wire form.</summary>
    /// <param name="cpu">The definition.</param>
    /// <param name="pointer">JSON pointer of the definition.</param>
    /// <param name="errors">Receives every fault.</param>
    internal static HostCpuProfile CreateCpu(HostCpuDefinition cpu, string pointer, ICollection<ControlProblemReason> errors)
    {
        var faults = new List<string>();
        var lengths = VqSet.FromBits(cpu.VectorLengthsBits ?? [], faults);
        foreach (var fault in faults)
            errors.Add(new($"{pointer}/vectorLengthsBits", fault));
        if (!lengths.IsEmpty && !lengths.Contains(1))
            errors.Add(new($"{pointer}/vectorLengthsBits", "Every SVE implementation has 128 bits."));

        // Arm requires all powers of two up to the maximum, because software may count on them (ZCR_ELx.LEN).
        for (var vq = 2; vq < lengths.Max; vq *= 2)
        {
            if (!lengths.Contains(vq))
                errors.Add(new($"{pointer}/vectorLengthsBits", $"The architecture requires {vq * 128} bits below a maximum of {lengths.Max * 128}."));
        }

        var midr = MidrEmulated;
        if (cpu.Midr is not null
            && !(cpu.Midr.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
                && ulong.TryParse(cpu.Midr.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out midr)
                && midr <= uint.MaxValue))
            errors.Add(new($"{pointer}/midr", $"'{cpu.Midr}' is not a 32-bit hexadecimal number such as 0x410fd4f0."));
        return new HostCpuProfile(lengths, midr);
    }

    private static HostProfile Uniform(string name, VqSet lengths, ulong midr) =>
        new(name, [.. Enumerable.Repeat(new HostCpuProfile(lengths, midr), DefaultCpuCount)]);
}
