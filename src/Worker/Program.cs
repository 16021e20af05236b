using CloudVm.Storage;
using CloudVm.Storage.Notifications;
using CloudVm.Worker;
using CloudVm.Worker.Data;
using CloudVm.Worker.Images;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Machines;
using CloudVm.Worker.NodeApi;
using CloudVm.Worker.Nodes;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Reconciling;
using CloudVm.Worker.Schedules;
using CloudVm.Worker.Snapshots;
using CloudVm.Worker.Supervision;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
WorkerOptions options = WorkerOptions.Read(builder.Configuration);
NodePaths paths = new(options);
paths.Create();
using NodeIdentity node = NodeIdentity.Acquire(paths);

builder.WebHost.UseUrls(options.NodeUrl.ToString());
builder.Logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
IServiceCollection services = builder.Services;
services.AddSingleton(options);
services.AddSingleton(paths);
services.AddSingleton(node);
services.AddSingleton(NodeSecret.ReadOrCreate(options));
services.AddSingleton(TimeProvider.System);
services.AddCloudVmStorage(options.Database);
services.AddSingleton<DatabaseListener>();
services.AddSingleton<FencedDatabase>();
services.AddSingleton<LeaseKeeper>();

services.AddSingleton<ExitMonitor>();
services.AddSingleton<HypervisorLauncher>();
services.AddSingleton<WarmPool>();
services.AddSingleton<VmProcesses>();
services.AddSingleton<OrphanSweeper>();
services.AddSingleton<PasstProcesses>();

services.AddSingleton<BuiltInImages>();
services.AddSingleton<ImageFiles>();
services.AddSingleton<DiskBases>();
services.AddSingleton<DiskFiles>();
services.AddSingleton<MachineBuilder>();
services.AddSingleton<PowerControl>();
services.AddSingleton<GuestShutdown>();
services.AddSingleton<VmStatusStore>();
services.AddSingleton<GuestStatistics>();
services.AddSingleton<DeviceEvents>();
services.AddSingleton<VmReconciler>();
services.AddSingleton<VmDispatcher>();

services.AddSingleton<OperationStore>();
services.AddSingleton<VmOperationExecutor>();
services.AddSingleton<UnboundOperations>();
services.AddSingleton<DeleteVm>();

services.AddSingleton<ChunkCodec>();
services.AddSingleton<ChunkStore>();
services.AddSingleton<ChunkCollector>();
services.AddSingleton<DirtyBases>();
services.AddSingleton<UploadSessions>();
services.AddSingleton<ChunkUpload>();
services.AddSingleton<MemoryUpload>();
services.AddSingleton<MemoryDownload>();
services.AddSingleton<DiskUpload>();
services.AddSingleton<DiskDownload>();
services.AddSingleton<SnapshotCatalog>();
services.AddSingleton<SnapshotOperations>();
services.AddSingleton<TakeSnapshot>();
services.AddSingleton<RestoreSnapshot>();
services.AddSingleton<ForkVm>();

// Started in this order, stopped in reverse: maintenance first finds the processes of an earlier Worker.
services.AddSingleton<NodeHeartbeat>();
services.AddHostedService<NodeMaintenance>();
services.AddHostedService(provider => provider.GetRequiredService<WarmPool>());
services.AddHostedService(provider => provider.GetRequiredService<NodeHeartbeat>());
services.AddHostedService(provider => provider.GetRequiredService<UnboundOperations>());
services.AddHostedService(provider => provider.GetRequiredService<VmDispatcher>());
services.AddSchedules(options);

await using WebApplication app = builder.Build();
app.UseWebSockets();
app.MapNodeApi();
await app.RunAsync();
