using System.Collections.Immutable;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.VectorLengths;

/// <summary>What a CPU definition means on a host profile.</summary>
/// <param name="PerVcpu">Per vCPU its vector lengths in bits, ascending; empty without SVE. Meaningful only without reasons.</param>
/// <param name="Reasons">Everything that makes the definition illegal, with pointers from the definition's root.</param>
public sealed record SveResolution(ImmutableArray<ImmutableArray<int>> PerVcpu, ImmutableArray<ProblemReason> Reasons)
{
    /// <summary>The set of the VM's first vCPU, which all share unless some are overridden.</summary>
    public ImmutableArray<int> First => PerVcpu.IsEmpty ? [] : PerVcpu[0];
}

/// <summary>Resolves the SVE part of a VM definition, with every reason against it.</summary>
public static class SveResolver
{
    private const string Root = "/cpu/sve";

    /// <param name="cpu">The definition. A count outside the limits is somebody else's reason; it is cut to them here.</param>
    /// <param name="virtualisable">The host profile's virtualisable lengths in bits.</param>
    public static SveResolution Resolve(CpuSpec cpu, ImmutableArray<int> virtualisable)
    {
        var reasons = ImmutableArray.CreateBuilder<ProblemReason>();
        var context = new Context(cpu, virtualisable, reasons);
        var count = Math.Clamp(cpu.Count, VmLimits.MinVcpus, VmLimits.MaxVcpus);

        var vmWide = context.Choose(Root, cpu.Sve.Enabled, cpu.Sve.VectorLengthsBits, cpu.Sve.MaxVectorLengthBits, inherited: null);
        var perVcpu = Enumerable.Repeat(vmWide, count).ToArray();
        context.ApplyOverrides(perVcpu, vmWide);

        return new SveResolution([.. perVcpu], reasons.ToImmutable());
    }

    /// <summary>Sets for a person: <c>{128}, {128, 256}</c>.</summary>
    public static string Describe(IEnumerable<ImmutableArray<int>> sets) =>
        string.Join(", ", sets.Select(set => $"{{{string.Join(", ", set)}}}"));

    private readonly record struct Context(
        CpuSpec Cpu, ImmutableArray<int> Virtualisable, ImmutableArray<ProblemReason>.Builder Reasons)
    {
        public void ApplyOverrides(ImmutableArray<int>[] perVcpu, ImmutableArray<int> vmWide)
        {
            var seen = new HashSet<int>();
            foreach (var (index, entry) in (Cpu.Sve.PerCpu ?? []).Index())
            {
                var pointer = $"{Root}/perCpu/{index}";
                var set = Choose(pointer, entry.Enabled, entry.VectorLengthsBits, entry.MaxVectorLengthBits, vmWide);
                if (entry.Cpu < 0 || entry.Cpu >= perVcpu.Length)
                    Refuse($"{pointer}/cpu", "outOfRange", $"There is no vCPU {entry.Cpu}: the VM has {perVcpu.Length}, counted from 0.");
                else if (!seen.Add(entry.Cpu))
                    Refuse($"{pointer}/cpu", "duplicate", $"vCPU {entry.Cpu} is overridden twice.");
                else
                    perVcpu[entry.Cpu] = set;

                if (set.IsEmpty != vmWide.IsEmpty && !AbiProfiles.AllowsMixedSve(Cpu.AbiProfile))
                {
                    Refuse(
                        pointer,
                        "mixedSve",
                        $"ABI profile '{Cpu.AbiProfile}' does not allow vCPUs with and without SVE in one VM; "
                        + $"'{AbiProfiles.Linux61}' and '{AbiProfiles.Rfc2018}' do.");
                }
            }
        }

        public ImmutableArray<int> Choose(
            string pointer, bool? enabled, IReadOnlyList<int>? exact, int? maximum, ImmutableArray<int>? inherited)
        {
            if (enabled == false)
            {
                RefuseLengthsWithoutSve(pointer, exact, maximum);
                return [];
            }

            if (Virtualisable.IsEmpty)
            {
                if (enabled == true || exact is not null || maximum is not null)
                {
                    Refuse(
                        enabled == true ? $"{pointer}/enabled" : pointer,
                        "sveUnavailable",
                        $"Host profile '{Cpu.HostProfile}' offers no SVE to guests.");
                }

                return [];
            }

            if (exact is not null && maximum is not null)
                Refuse(pointer, "exclusive", "Give vectorLengthsBits or maxVectorLengthBits, not both.");
            if (exact is not null)
                return ChooseExact($"{pointer}/vectorLengthsBits", exact);
            if (maximum is not null)
                return ChooseUpTo($"{pointer}/maxVectorLengthBits", maximum.Value);
            return inherited is { IsEmpty: false } set ? set : Virtualisable;
        }

        private void RefuseLengthsWithoutSve(string pointer, IReadOnlyList<int>? exact, int? maximum)
        {
            if (exact is not null)
                Refuse($"{pointer}/vectorLengthsBits", "sveDisabled", "Vector lengths need SVE enabled.");
            if (maximum is not null)
                Refuse($"{pointer}/maxVectorLengthBits", "sveDisabled", "A maximum vector length needs SVE enabled.");
        }

        private ImmutableArray<int> ChooseExact(string pointer, IReadOnlyList<int> exact)
        {
            foreach (var (index, bits) in exact.Index())
            {
                if (!VectorLengthRules.IsArchitectural(bits))
                    Refuse($"{pointer}/{index}", "notAVectorLength", $"{bits} is not a multiple of 128 between 128 and 2048.");
            }

            if (!VectorLengthRules.IsLegalSet(Virtualisable, exact))
            {
                Refuse(
                    pointer,
                    "illegalVectorLengths",
                    $"Host profile '{Cpu.HostProfile}' cannot offer {{{string.Join(", ", exact)}}}. Legal sets, in bits: "
                    + $"{Describe(VectorLengthRules.LegalSets(Virtualisable))}.");
                return Virtualisable;
            }

            return CutOff(pointer, exact.Max());
        }

        private ImmutableArray<int> ChooseUpTo(string pointer, int maximum)
        {
            if (!Virtualisable.Contains(maximum))
            {
                Refuse(
                    pointer,
                    "illegalVectorLengths",
                    $"Host profile '{Cpu.HostProfile}' has no vector length of {maximum} bits for guests. Legal maxima: "
                    + $"{string.Join(", ", Virtualisable)}.");
                return Virtualisable;
            }

            return CutOff(pointer, maximum);
        }

        private ImmutableArray<int> CutOff(string pointer, int maximum)
        {
            if (maximum != Virtualisable.Max() && !AbiProfiles.AllowsVectorLengthChoice(Cpu.AbiProfile))
            {
                Refuse(
                    pointer,
                    "noVectorLengthRegister",
                    $"ABI profile '{Cpu.AbiProfile}' has no KVM_REG_ARM64_SVE_VLS: every vCPU with SVE gets the whole set, "
                    + $"{Describe([Virtualisable])}.");
            }

            return [.. Virtualisable.Where(bits => bits <= maximum)];
        }

        private void Refuse(string pointer, string code, string message) => Reasons.Add(new ProblemReason(pointer, code, message));
    }
}
