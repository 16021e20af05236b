using System.Reflection;
using System.Text.Json;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Operations;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Vms;
using CloudVm.Contracts;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Capabilities;

internal static class CapabilitiesEndpoints
{
    private const int SnapshotFormatVersion = 2;

    private static readonly string Version =
        typeof(CapabilitiesEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public static void MapCapabilities(this RouteGroupBuilder api) => api
        .MapGet("/capabilities", HandleAsync)
        .WithTags("Installation")
        .Describe("getCapabilities", "What this installation can do", "Limits and choices that definitions of VMs have.")
        .Produces<Contracts.Capabilities>()
        .ProducesProblems(400, 401, 429);

    private static async Task<Answer> HandleAsync(VmDefinitions definitions, ApiSettings settings, CancellationToken cancellationToken) =>
        Answer.Ok(new Contracts.Capabilities
        {
            Version = Version,
            AbiProfiles = AbiProfiles.All,
            AbiProfileDetails = [.. AbiProfiles.All.Select(Describe)],
            MaxVectorLengthBits = VectorLengthRules.MaxBits,
            ImageKinds = [.. Enum.GetNames<ImageKind>().Select(JsonNamingPolicy.CamelCase.ConvertName)],
            MaxVcpus = VmLimits.MaxVcpus,
            MinMemoryMiB = VmLimits.MinMemoryMiB,
            MaxMemoryMiB = await definitions.MaxMemoryAsync(cancellationToken),
            MaxDisks = VmLimits.MaxDisks,
            MaxDiskMiB = VmLimits.MaxDiskMiB,
            MaxImageBytes = settings.MaxImageBytes,
            SnapshotFormatVersion = SnapshotFormatVersion,
            MaxWaitSeconds = WaitForOperation.MaxSeconds,
        });

    private static AbiProfileCapabilities Describe(string profile) => new()
    {
        Name = profile,
        IsDefault = profile == new CpuSpec().AbiProfile,
        Description = AbiProfiles.Describe(profile),
        VectorLengthChoice = AbiProfiles.AllowsVectorLengthChoice(profile),
        MixedSve = AbiProfiles.AllowsMixedSve(profile),
        PointerAuthentication = AbiProfiles.AllowsPointerAuthentication(profile),
    };
}
