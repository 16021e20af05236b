using System.Text.Json.Serialization;

namespace CloudVm.Contracts.Control;

/// <summary>Source-generated JSON of the control protocol: no reflection, so the Hypervisor starts fast and stays small.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DictionaryKeyPolicy = JsonKnownNamingPolicy.Unspecified,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(HelloResponse))]
[JsonSerializable(typeof(MachineDefinition))]
[JsonSerializable(typeof(MachineStatus))]
[JsonSerializable(typeof(StopRequest))]
[JsonSerializable(typeof(ConsoleMarkerRequest))]
[JsonSerializable(typeof(ExitRecord))]
[JsonSerializable(typeof(VcpuRegisters))]
[JsonSerializable(typeof(RegisterList))]
[JsonSerializable(typeof(RegisterContent))]
[JsonSerializable(typeof(RegisterWriteRequest))]
[JsonSerializable(typeof(MachineCounters))]
[JsonSerializable(typeof(MemoryChunkMap))]
[JsonSerializable(typeof(MachineDisks))]
[JsonSerializable(typeof(DiskBlockMap))]
[JsonSerializable(typeof(BeginRestoreRequest))]
[JsonSerializable(typeof(ConsoleFrame))]
[JsonSerializable(typeof(DeviceEventList))]
[JsonSerializable(typeof(BalloonStatus))]
[JsonSerializable(typeof(BalloonRequest))]
[JsonSerializable(typeof(ControlProblem))]
public sealed partial class ControlJsonContext : JsonSerializerContext;
