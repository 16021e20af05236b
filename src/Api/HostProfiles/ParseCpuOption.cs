using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.HostProfiles;

/// <summary><c>POST /host-profiles:parse</c>: what a <c>-cpu</c> option of QEMU's means here.</summary>
internal sealed class ParseCpuOption(CloudVmDbContext database)
{
    public async Task<Answer> HandleAsync(JsonBody<ParseCpuOptionRequest> body, CancellationToken cancellationToken)
    {
        var request = body.Value;
        var profiles = (await database.HostProfiles.AsNoTracking().ToListAsync(cancellationToken)).ConvertAll(p => p.ToContract());
        var hostName = request.HostProfile ?? CpuSpec.DefaultHostProfile;
        var host = profiles.Find(p => p.Name == hostName);
        if (host is null)
            body.Refuse("/hostProfile", "unknownHostProfile", $"There is no host profile '{hostName}'.");
        if (request.Cpu is null && !body.Reasons.Exists(r => r.Pointer == "/cpu"))
            body.Refuse("/cpu", "required", "The value of a -cpu option is needed, such as max,sve512=on.");

        var reading = request.Cpu is null ? null : QemuCpuParser.Parse(request.Cpu, request.Accelerator, host?.VirtualisableVectorLengthsBits);
        foreach (var reason in reading?.Reasons ?? [])
            body.Refuse("/cpu", reason.Code, reason.Message);
        body.RefuseIfInvalid();

        var cpu = reading!.Cpu!;
        return Answer.Ok(new ParsedCpuOption
        {
            Model = cpu.Model,
            SveEnabled = !cpu.VectorLengthsBits.IsEmpty,
            VectorLengthsBits = cpu.VectorLengthsBits,
            DefaultVectorLengthBits = cpu.DefaultVectorLengthBits,
            IgnoredProperties = cpu.OtherProperties,
            HostProfiles = [.. profiles.Where(p => CanOffer(p, cpu)).Select(p => p.Name).Order(StringComparer.Ordinal)],
        });
    }

    /// <summary>A vCPU without SVE can be had everywhere.</summary>
    private static bool CanOffer(HostProfile profile, QemuCpu cpu) =>
        cpu.VectorLengthsBits.IsEmpty || profile.LegalVectorLengthSets.Any(set => set.SequenceEqual(cpu.VectorLengthsBits));
}
