using System.Numerics;
using CloudVm.Contracts;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Vms;

namespace CloudVm.Web.Components.Pages.Vms;

/// <summary>A VM definition while somebody fills it in.</summary>
public sealed class VmDraft
{
    private readonly CpuSpec _cpu;
    private int? _memoryMiB;
    private int _suggestedMemoryMiB = VmLimits.DefaultMemoryMiB;

    /// <summary>An empty definition with the API's defaults.</summary>
    public VmDraft()
        : this(new CpuSpec())
    {
        SveEnabled = true;
    }

    private VmDraft(CpuSpec cpu)
    {
        _cpu = cpu;
        VcpuCount = cpu.Count;
        HostProfile = cpu.HostProfile;
        AbiProfile = cpu.AbiProfile;
        PtrAuth = cpu.Features.Ptrauth;
    }

    public string Name { get; set; } = "";

    public string? Description { get; set; }

    /// <summary>The image's id.</summary>
    public string? Image { get; set; }

    public string? CommandLine { get; set; }

    public VmNetwork Network { get; set; }

    public RestartPolicy RestartPolicy { get; set; }

    public int VcpuCount { get; set; }

    /// <summary>What <see cref="SuggestMemoryFor"/> found, until somebody chooses.</summary>
    public int MemoryMiB { get => _memoryMiB ?? _suggestedMemoryMiB; set => _memoryMiB = value; }

    public List<DiskDraft> Disks { get; } = [];

    public string HostProfile { get; set; }

    public string AbiProfile { get; set; }

    public bool SveEnabled { get; set; }

    /// <summary>The largest vector length of the chosen set; null is the profile's whole set.</summary>
    public int? MaxVectorLengthBits { get; set; }

    public bool PtrAuth { get; set; }

    private IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The definition of a VM as it is. What the form does not show, such as labels and single vCPUs' overrides, is kept.</summary>
    public static VmDraft From(Vm vm)
    {
        var draft = FromMachine(vm);
        draft.Disks.AddRange(vm.Disks.Select(DiskDraft.From));
        return draft;
    }

    /// <summary>Offers the next power of two that is enough for the image, and the usual amount at least.</summary>
    public void SuggestMemoryFor(Image? image) =>
        _suggestedMemoryMiB = Math.Max(VmLimits.DefaultMemoryMiB, (int)BitOperations.RoundUpToPowerOf2((uint)(image?.MinimumMemoryMiB ?? 0)));

    /// <summary>The set that the draft asks for on <paramref name="profile"/>; empty without SVE.</summary>
    public IReadOnlyList<int> ChosenSet(HostProfile? profile)
    {
        if (!SveEnabled || profile is null || profile.VirtualisableVectorLengthsBits.Count == 0)
            return [];
        return AbiProfiles.AllowsVectorLengthChoice(AbiProfile) && MaxVectorLengthBits is { } max
            ? profile.LegalVectorLengthSets.FirstOrDefault(s => s[^1] == max) ?? profile.VirtualisableVectorLengthsBits
            : profile.VirtualisableVectorLengthsBits;
    }

    /// <summary>Takes another profile; a set that it cannot offer gives way to its whole one.</summary>
    public void UseProfile(HostProfile profile)
    {
        HostProfile = profile.Name;
        VcpuCount = Math.Min(VcpuCount, profile.MaxVcpus);
        if (profile.LegalVectorLengthSets.All(s => s[^1] != MaxVectorLengthBits))
            MaxVectorLengthBits = null;
    }

    /// <summary>Takes the vector lengths of a <c>-cpu</c> option: on the chosen profile if it has them, else on the first that does.</summary>
    /// <returns>False, with nothing changed, where no profile has exactly these lengths.</returns>
    public bool UseCpuOption(ParsedCpuOption option, IReadOnlyList<HostProfile> profiles)
    {
        var able = profiles.Where(p => option.HostProfiles.Contains(p.Name, StringComparer.Ordinal)).ToList();
        if ((able.Find(p => p.Name == HostProfile) ?? able.FirstOrDefault()) is not { } profile)
            return false;
        SveEnabled = option.SveEnabled;
        MaxVectorLengthBits = option.SveEnabled && option.VectorLengthsBits.Count < profile.VirtualisableVectorLengthsBits.Count
            ? option.VectorLengthsBits[^1]
            : null;
        if (MaxVectorLengthBits is not null && !AbiProfiles.AllowsVectorLengthChoice(AbiProfile))
            AbiProfile = AbiProfiles.Linux612;
        UseProfile(profile);
        return true;
    }

    /// <summary>What is sent to the API.</summary>
    public VmDefinition ToDefinition(HostProfile? profile)
    {
        var offersSve = profile is null || profile.VirtualisableVectorLengthsBits.Count > 0;
        var enabled = SveEnabled && offersSve;
        return new VmDefinition
        {
            Name = Name.Trim(),
            Description = NullIfEmpty(Description),
            Labels = Labels,
            Image = Image,
            Cpu = _cpu with
            {
                Count = VcpuCount,
                HostProfile = HostProfile,
                AbiProfile = AbiProfile,
                Sve = new SveSpec
                {
                    Enabled = enabled,
                    MaxVectorLengthBits = enabled && AbiProfiles.AllowsVectorLengthChoice(AbiProfile) ? MaxVectorLengthBits : null,
                    PerCpu = _cpu.Sve.PerCpu,
                },
                Features = _cpu.Features with { Ptrauth = PtrAuth },
            },
            MemoryMiB = MemoryMiB,
            Disks = [.. Disks.Select(d => d.ToSpec())],
            CommandLine = NullIfEmpty(CommandLine),
            Network = Network,
            RestartPolicy = RestartPolicy,
        };
    }

    private static VmDraft FromMachine(Vm vm) => new(vm.Cpu)
    {
        Name = vm.Name,
        Description = vm.Description,
        Image = vm.Image.Id.ToString(),
        CommandLine = vm.CommandLine,
        Network = vm.Network,
        RestartPolicy = vm.RestartPolicy,
        MemoryMiB = vm.MemoryMiB,
        SveEnabled = vm.Cpu.Sve.Enabled ?? vm.Cpu.Sve.EffectiveVectorLengthsBits is { Count: > 0 },
        MaxVectorLengthBits = vm.Cpu.Sve.MaxVectorLengthBits ?? (vm.Cpu.Sve.VectorLengthsBits is { Count: > 0 } set ? set[^1] : null),
        Labels = vm.Labels,
    };

    private static string? NullIfEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
