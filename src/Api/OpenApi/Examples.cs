using System.Text.Json.Nodes;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.OpenApi;

/// <summary>A body that works, for each kind of request.</summary>
internal static class Examples
{
    private const string SnapshotId = "01a20000-0000-7000-8000-000000000001";
    private const string VmId = "01a20000-0000-7000-8000-000000000002";

    private static readonly Dictionary<Type, string> ByType = new()
    {
        [typeof(VmDefinition)] = """
            {
              "name": "ci-runner", "image": "hello-sve", "memoryMiB": 64,
              "cpu": { "count": 2, "hostProfile": "max-pow2", "sve": { "enabled": true, "vectorLengthsBits": [128, 256, 512] } }
            }
            """,
        [typeof(VmPatch)] = """{ "memoryMiB": 128, "labels": { "team": "simd" } }""",
        [typeof(StopVmRequest)] = """{ "timeoutSeconds": 60 }""",
        [typeof(SnapshotVmRequest)] = """{ "name": "before-upgrade" }""",
        [typeof(RestoreVmRequest)] = $$"""{ "snapshotId": "{{SnapshotId}}" }""",
        [typeof(ForkVmRequest)] = $$"""{ "snapshotId": "{{SnapshotId}}", "name": "experiment" }""",
        [typeof(WriteVcpuRegisterRequest)] = """{ "value": "0x40000000" }""",
        [typeof(WriteVcpuRegistersRequest)] = """{ "registers": [{ "register": "X0", "value": "0x1" }, { "register": "Z0", "value": "0000803f" }] }""",
        [typeof(BulkVmRequest)] = $$"""{ "ids": ["{{VmId}}"] }""",
        [typeof(RestoreSnapshotRequest)] = """{ "newVmName": "restored" }""",
        [typeof(ScheduleDefinition)] = """{ "name": "nightly", "cron": "0 3 * * *", "timeZone": "Europe/Berlin", "keepLast": 7, "keepDaily": 30 }""",
        [typeof(SchedulePatch)] = """{ "enabled": false }""",
        [typeof(HostProfileDefinition)] = """{ "name": "lab", "cpus": [{ "vectorLengthsBits": [128, 256] }, { "vectorLengthsBits": [128, 256, 512] }] }""",
        [typeof(ParseCpuOptionRequest)] = """{ "cpu": "max,sve512=on", "accelerator": "tcg" }""",
        [typeof(SignInRequest)] = """{ "user": "admin", "password": "…" }""",
        [typeof(TokenRequest)] = """{ "name": "ci", "expiresInDays": 90, "role": "operator" }""",
        [typeof(UserRequest)] = """{ "userName": "ada", "password": "…", "role": "operator" }""",
        [typeof(TicketRequest)] = $$"""{ "path": "/api/v1/vms/{{VmId}}/console" }""",
    };

    public static JsonNode? Of(Type type) => ByType.TryGetValue(type, out var json) ? JsonNode.Parse(json) : null;
}
