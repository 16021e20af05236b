using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Web.Components.Pages.Vms;

namespace CloudVm.Web.Tests;

public sealed class VmDraftTests
{
    [Fact]
    public void The_whole_set_is_left_to_the_API()
    {
        var definition = new VmDraft { Name = " a " }.ToDefinition(Profile("max-pow2", 128, 256, 512));

        Assert.Equal("a", definition.Name);
        Assert.True(definition.Cpu.Sve.Enabled);
        Assert.Null(definition.Cpu.Sve.MaxVectorLengthBits);
        Assert.Null(definition.Cpu.Sve.VectorLengthsBits);
    }

    [Fact]
    public void A_cpu_option_chooses_a_profile_that_has_its_lengths()
    {
        HostProfile[] profiles = [Profile("a64fx", 128, 256, 512), Profile("max-pow2", 128, 256, 512, 1024), Profile("plain")];
        var draft = new VmDraft { HostProfile = "max-pow2", AbiProfile = AbiProfiles.Rfc2018 };

        Assert.True(draft.UseCpuOption(Option(["a64fx", "max-pow2"], 128, 256, 512), profiles));
        Assert.Equal(("max-pow2", 512, AbiProfiles.Linux612), (draft.HostProfile, draft.MaxVectorLengthBits, draft.AbiProfile));

        Assert.True(draft.UseCpuOption(Option(["a64fx"], 128, 256, 512), profiles));
        Assert.Equal(("a64fx", (int?)null, true), (draft.HostProfile, draft.MaxVectorLengthBits, draft.SveEnabled));

        Assert.False(draft.UseCpuOption(Option([], 128, 384), profiles));
        Assert.Equal("a64fx", draft.HostProfile);

        Assert.True(draft.UseCpuOption(Option(["a64fx", "max-pow2", "plain"]), profiles));
        Assert.Equal(("a64fx", false), (draft.HostProfile, draft.SveEnabled));
    }

    [Theory]
    [InlineData(0, 64)]
    [InlineData(192, 256)]
    [InlineData(256, 256)]
    public void Memory_follows_the_image_until_somebody_chooses(int minimumMemoryMiB, int expected)
    {
        var image = new Image
        {
            Id = Guid.Empty,
            Name = "a",
            Kind = ImageKind.LinuxBundle,
            BuiltIn = true,
            SizeBytes = 1,
            Sha256 = "",
            MinimumMemoryMiB = minimumMemoryMiB,
            CreatedAt = DateTimeOffset.UnixEpoch,
            Etag = "1.0",
        };
        var draft = new VmDraft();

        draft.SuggestMemoryFor(image);
        Assert.Equal(expected, draft.ToDefinition(null).MemoryMiB);

        draft.MemoryMiB = 300;
        draft.SuggestMemoryFor(image);
        Assert.Equal(300, draft.MemoryMiB);
    }

    [Fact]
    public void A_profile_without_SVE_gets_a_definition_without_SVE()
    {
        var draft = new VmDraft { MaxVectorLengthBits = 512 };
        var profile = Profile("neoverse-n1");
        draft.UseProfile(profile);

        Assert.False(draft.ToDefinition(profile).Cpu.Sve.Enabled);
        Assert.Empty(draft.ChosenSet(profile));
    }

    [Fact]
    public void A_set_that_the_next_profile_cannot_offer_gives_way()
    {
        var draft = new VmDraft { MaxVectorLengthBits = 512 };
        draft.UseProfile(Profile("neoverse-v1", 128, 256));
        Assert.Null(draft.MaxVectorLengthBits);

        draft.MaxVectorLengthBits = 256;
        draft.UseProfile(Profile("max-pow2", 128, 256, 512));
        Assert.Equal(256, draft.MaxVectorLengthBits);
    }

    [Fact]
    public void An_ABI_that_cannot_limit_lengths_is_not_asked_to()
    {
        var profile = Profile("max-pow2", 128, 256, 512);
        var draft = new VmDraft { MaxVectorLengthBits = 256, AbiProfile = AbiProfiles.Rfc2018 };

        Assert.Equal([128, 256, 512], draft.ChosenSet(profile));
        Assert.Null(draft.ToDefinition(profile).Cpu.Sve.MaxVectorLengthBits);
    }

    [Fact]
    public void A_saved_definition_keeps_the_disks_that_the_vm_has()
    {
        var image = new ImageReference(Guid.NewGuid(), "debian");
        var vm = new Vm
        {
            Id = Guid.NewGuid(),
            Project = "default",
            Name = "vm",
            Labels = new Dictionary<string, string>(),
            Image = image,
            Cpu = new CpuSpec(),
            MemoryMiB = 64,
            Disks = [new VmDisk { Name = "root", Image = image, SizeMiB = 8 }, new VmDisk { Name = "data", SizeMiB = 9, ReadOnly = true }],
            RestartPolicy = RestartPolicy.Never,
            DesiredState = DesiredState.Stopped,
            PendingRestart = false,
            Status = new VmStatus { Phase = VmPhase.Stopped, ObservedGeneration = 1, ObservedAt = default },
            Generation = 1,
            Etag = "1.1",
            CreatedAt = default,
            UpdatedAt = default,
        };

        var disks = VmDraft.From(vm).ToDefinition(Profile("max-pow2", 128)).Disks!;

        Assert.Equal(
            [new DiskSpec { Name = "root", Image = image.Id.ToString(), SizeMiB = 8 }, new DiskSpec { Name = "data", SizeMiB = 9, ReadOnly = true }], disks);
    }

    private static HostProfile Profile(string name, params int[] lengths) => new()
    {
        Name = name,
        BuiltIn = true,
        Cpus = [new HostCpu { VectorLengthsBits = lengths }],
        VectorLengthPolicy = VectorLengthPolicy.Upstream,
        VirtualisableVectorLengthsBits = lengths,
        LegalVectorLengthSets = [.. lengths.Select((_, i) => lengths[..(i + 1)])],
        MaxVcpus = 64,
        Etag = "1.1",
    };

    private static ParsedCpuOption Option(string[] profiles, params int[] lengths) => new()
    {
        Model = "max",
        SveEnabled = lengths.Length > 0,
        VectorLengthsBits = lengths,
        IgnoredProperties = [],
        HostProfiles = profiles,
    };
}
