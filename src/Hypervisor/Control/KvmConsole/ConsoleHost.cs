using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>The emulated host that the console's options describe.</summary>
internal static class ConsoleHost
{
    private const string DefaultProfile = "max-pow2";

    public const string Usage =
        "[--host-profile NAME | --host-cpus \"VQ,VQ,...;VQ,...\"] [--policy upstream|strict-prefix] [--midr NUMBER] "
        + "[--aarch32 [el1|el0|off]] [--mte [on|off]] [--pauth [on|off]] [--pmu [on|off]] [--ras [on|off]]";

    /// <summary>Reads the options.</summary>
    /// <exception cref="UsageException">Every fault.</exception>
    public static HostProfile Read(Arguments arguments)
    {
        var reasons = new List<string>();
        var name = arguments.Value("--host-profile");
        var cpus = arguments.Value("--host-cpus");
        var policy = Policy(arguments.Value("--policy"), reasons);
        var midr = Midr(arguments.Value("--midr"), reasons);
        if (name is not null && cpus is not null)
            reasons.Add("--host-profile and --host-cpus exclude each other.");

        var definition = new HostProfileDefinition
        {
            Name = name ?? (cpus is null ? DefaultProfile : "custom"),
            Cpus = cpus is null ? null : [.. cpus.Split(';').Select(cpu => new HostCpuDefinition { VectorLengthsBits = Lengths(cpu, reasons) })],
        };
        var faults = new List<ControlProblemReason>();
        var profile = HostProfile.Create(definition, faults);
        reasons.AddRange(faults.Select(fault => $"{fault.Pointer}: {fault.Detail}"));
        if (profile is null || reasons.Count > 0)
            throw new UsageException(string.Join('\n', reasons));
        if (midr is { } value)
            profile = profile with { Cpus = [.. profile.Cpus.Select(cpu => cpu with { Midr = value })] };
        return profile with { VectorLengthPolicy = policy ?? profile.VectorLengthPolicy, Facts = Facts(arguments, profile.Facts) };
    }

    private static HostFacts Facts(Arguments arguments, HostFacts facts)
    {
        var aarch32 = arguments.Choice("--aarch32", "el1", "el0", "off");
        return facts with
        {
            AArch32El0 = aarch32 is null ? facts.AArch32El0 : aarch32 != "off",
            AArch32El1 = aarch32 is null ? facts.AArch32El1 : aarch32 == "el1",
            Mte = Switch(arguments, "--mte", facts.Mte),
            PointerAuthentication = Switch(arguments, "--pauth", facts.PointerAuthentication),
            Pmu = Switch(arguments, "--pmu", facts.Pmu),
            Ras = Switch(arguments, "--ras", facts.Ras),
        };
    }

    private static bool Switch(Arguments arguments, string name, bool absent) =>
        arguments.Choice(name, "on", "off") is { } value ? value == "on" : absent;

    /// <summary>Vector lengths of one CPU, written as VQs with commas between, in bits. <c>none</c> or nothing is a CPU without SVE.</summary>
    public static int[] Lengths(string vqs, ICollection<string> reasons)
    {
        var lengths = new List<int>();
        foreach (var part in vqs.Split(',', StringSplitOptions.TrimEntries))
        {
            if (part is "" or "none" && !vqs.Contains(',', StringComparison.Ordinal))
                return [];
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var vq) && vq is >= 1 and <= VqSet.MaxVq)
                lengths.Add(vq * 128);
            else
                reasons.Add($"'{part}' is no vector length: lengths are written as VQs, 1 to {VqSet.MaxVq}, for 128 to 2048 bits.");
        }

        return [.. lengths];
    }

    /// <summary>A MIDR_EL1 value.</summary>
    public static ulong? Midr(string? text, ICollection<string> reasons)
    {
        if (text is null)
            return null;
        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        if (uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            return value;
        reasons.Add($"'{text}' is no MIDR: a hexadecimal number of 32 bits such as 0x410fd4f0.");
        return null;
    }

    /// <summary>A policy's name, as the option takes it.</summary>
    public static string NameOf(VectorLengthPolicy policy) => policy == VectorLengthPolicy.StrictPrefix ? "strict-prefix" : "upstream";

    private static VectorLengthPolicy? Policy(string? text, List<string> reasons)
    {
        if (text is null)
            return null;
        foreach (var policy in Enum.GetValues<VectorLengthPolicy>())
        {
            if (NameOf(policy) == text)
                return policy;
        }

        reasons.Add($"--policy is upstream or strict-prefix, not '{text}'.");
        return null;
    }
}
