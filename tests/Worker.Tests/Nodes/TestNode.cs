using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CloudVm.Contracts;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Testing;
using CloudVm.Worker.Supervision;
using CloudVm.Worker.Tests.Supervision;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Worker.Tests.Nodes;

/// <summary>
/// A node as it is in production: a Worker process over real PostgreSQL. Only the Hypervisor is the stand-in. The Api's part, writing specs
/// and operations, is played by the test. All that was started is ended on disposal.
/// </summary>
internal sealed class TestNode : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly string _root = Directory.CreateTempSubdirectory("cvm-n-").FullName;
    private readonly ExitMonitor _monitor = new();
    private readonly int _port = FindPort();
    private readonly Dictionary<string, string> _environment;

    private TestNode(TestDatabase database, IReadOnlyDictionary<string, string>? settings)
    {
        Database = database;
        Source = NpgsqlDataSource.Create(database.ConnectionString);
        _environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = Environment.GetEnvironmentVariable("PATH")!,
            ["HOME"] = _root,
            ["DOTNET_ROOT"] = Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? Path.GetDirectoryName(RuntimeDirectory())!,
            ["DOTNET_TieredPGO"] = "0",
            ["CLOUDVM_DATABASE"] = database.ConnectionString,
            ["CLOUDVM_NODE_URL"] = $"http://127.0.0.1:{_port}",
            ["CLOUDVM_STATE_DIR"] = Path.Combine(_root, "state"),
            ["CLOUDVM_RUN_DIR"] = Path.Combine(_root, "run"),
            ["CLOUDVM_SECRETS_DIR"] = Path.Combine(_root, "secrets"),
            ["CLOUDVM_HYPERVISOR"] = NodeDirectory.FakeHypervisorPath,
            ["CLOUDVM_IMAGES_DIR"] = Path.Combine(_root, "images"),
            ["CLOUDVM_NODE_NAME"] = "node",
            ["CLOUDVM_WARM_POOL"] = "1",
            ["CLOUDVM_POLL_SECONDS"] = "1",
            ["CLOUDVM_HEARTBEAT_SECONDS"] = "1",
            ["CLOUDVM_GC_SECONDS"] = "3600",
        };
        foreach ((string key, string value) in settings ?? new Dictionary<string, string>())
            _environment[key] = value;
    }

    public TestDatabase Database { get; }

    public NpgsqlDataSource Source { get; }

    public SupervisedProcess? Worker { get; private set; }

    public string RunDirectory => Path.Combine(_root, "run");

    public string StateDirectory => Path.Combine(_root, "state");

    public static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<TestNode> StartAsync(PostgresFixture postgres, IReadOnlyDictionary<string, string>? settings = null)
    {
        TestNode node = new(await CreateDatabaseAsync(postgres), settings);
        node.WriteImage("fake");
        await node.StartWorkerAsync();
        return node;
    }

    public static Task<TestDatabase> CreateDatabaseAsync(PostgresFixture postgres) =>
        postgres.CreateDatabaseAsync("migrated", async connectionString =>
        {
            await using NpgsqlDataSource source = NpgsqlDataSource.Create(connectionString);
            await using CloudVmDbContext context = NewContext(source);
            await context.Database.MigrateAsync();
        });

    public static CloudVmDbContext NewContext(NpgsqlDataSource source) =>
        new((DbContextOptions<CloudVmDbContext>)new DbContextOptionsBuilder<CloudVmDbContext>().UseCloudVm(source).Options);

    public CloudVmDbContext NewContext() => NewContext(Source);

    public SupervisedProcess SpawnWorker()
    {
        int pid = DetachedProcess.Start(Path.Combine(AppContext.BaseDirectory, "CloudVm.Worker"), [], _environment, Path.Combine(_root, "worker.log"));
        Assert.True(ProcessIdentity.TryRead(pid, out ProcessIdentity identity), Log());
        return SupervisedProcess.TryAttach(_monitor, identity) ?? throw new InvalidOperationException(Log());
    }

    public async Task KillAsync(ProcessIdentity identity)
    {
        using SupervisedProcess? process = SupervisedProcess.TryAttach(_monitor, identity);
        if (process is not null)
            await process.KillAsync(Ct);
    }

    public async Task StartWorkerAsync()
    {
        Worker = SpawnWorker();
        using HttpClient http = NewHttpClient();
        await UntilAsync(async () =>
        {
            Assert.False(Worker.Exited.IsCompleted, "The Worker ended:\n" + Log());
            try
            {
                using HttpResponseMessage ready = await http.GetAsync("readyz", Ct);
                return ready.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, () => "the Worker to be ready:\n" + Log());
    }

    public async Task KillWorkerAsync()
    {
        await Worker!.KillAsync(Ct);
        Worker.Dispose();
        Worker = null;
    }

    /// <summary>A client of the node's own API, with its secret.</summary>
    public HttpClient NewHttpClient()
    {
        HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{_port}/") };
        string secret = Path.Combine(_root, "secrets", "node");
        if (File.Exists(secret))
            http.DefaultRequestHeaders.Authorization = new("Node", File.ReadAllText(secret));
        return http;
    }

    public async Task<Guid> AddVmAsync(
        string? name = null, string? commandLine = null, RestartPolicy restartPolicy = RestartPolicy.Never, int memoryMiB = 16, CpuSpec? cpu = null,
        IReadOnlyList<VmDisk>? disks = null, string? imageName = null)
    {
        await using CloudVmDbContext db = NewContext();
        IQueryable<ImageEntity> images = db.Images.Where(i => i.BuiltIn && (imageName == null || i.Name == imageName));
        await UntilAsync(() => images.AnyAsync(Ct), () => "the image to be registered:\n" + Log());
        ImageEntity image = await images.FirstAsync(Ct);
        VirtualMachineEntity vm = new()
        {
            Id = Guid.CreateVersion7(),
            ProjectId = ProjectEntity.DefaultId,
            Name = name ?? $"vm-{Guid.NewGuid():N}",
            Labels = "{}",
            ImageId = image.Id,
            Cpu = cpu ?? new CpuSpec { Sve = new SveSpec { Enabled = true } },
            VcpuCount = 1,
            HostProfile = (cpu ?? new CpuSpec()).HostProfile,
            MemoryMiB = memoryMiB,
            Disks = disks ?? [],
            CommandLine = commandLine,
            RestartPolicy = restartPolicy,
            Generation = 1,
            CreatedAt = DateTimeOffset.UtcNow,
            Status = new VmStatusEntity(),
        };
        db.VirtualMachines.Add(vm);
        await db.SaveChangesAsync(Ct);
        return vm.Id;
    }

    /// <summary>Puts an image on the node, which registers it when it next looks.</summary>
    public void WriteImage(string name)
    {
        string directory = Directory.CreateDirectory(Path.Combine(_root, "images", name)).FullName;
        byte[] content = Encoding.UTF8.GetBytes($"not really a kernel of {name}");
        File.WriteAllBytes(Path.Combine(directory, "kernel"), content);
        string manifest = Path.Combine(directory, "image.json");
        File.WriteAllText(manifest + ".new", JsonSerializer.Serialize(new
        {
            name,
            kind = "elf",
            files = new[] { new { role = "kernel", path = "kernel", sha256 = Convert.ToHexStringLower(SHA256.HashData(content)) } },
        }));
        File.Move(manifest + ".new", manifest);
    }

    /// <summary>Stores a disk image as an upload does.</summary>
    public async Task<ImageReference> AddDiskImageAsync(byte[] content)
    {
        await using CloudVmDbContext db = NewContext();
        byte[] hash = SHA256.HashData(content);
        ImageEntity image = new()
        {
            Id = Guid.CreateVersion7(),
            ProjectId = ProjectEntity.DefaultId,
            Name = $"disk-{Guid.NewGuid():N}",
            Kind = ImageKind.Disk,
            State = ImageState.Ready,
            SizeBytes = content.Length,
            Sha256 = hash,
            Files = [new ImageFile("disk", null, Convert.ToHexStringLower(hash), content.Length)],
            Disk = new ImageDisk(DiskFormat.Raw, content.Length),
        };
        db.Images.Add(image);
        db.ImageParts.AddRange(content.Chunk(ImagePartEntity.MaxBytes).Select((part, ordinal) => new ImagePartEntity { ImageId = image.Id, Ordinal = ordinal, Data = part }));
        await db.SaveChangesAsync(Ct);
        return new ImageReference(image.Id, image.Name);
    }

    /// <summary>Asks for an operation, as the Api does.</summary>
    public async Task<Guid> EnqueueAsync(
        Guid? vmId, OperationKind kind, object? request = null, string? target = null, bool queued = false, Guid? source = null)
    {
        await using CloudVmDbContext db = NewContext();
        OperationEntity operation = db.Enqueue(
            new NewOperation
            {
                Kind = kind,
                ProjectId = ProjectEntity.DefaultId,
                VmId = vmId,
                Target = new ResourceReference(target is null ? "vm" : "snapshot", target ?? vmId!.Value.ToString(), null),
                Request = request,
                Queued = queued,
                SourceVmId = source,
                CreatedBy = "test",
            },
            TimeProvider.System);
        await db.SaveChangesAsync(Ct);
        return operation.Id;
    }

    public async Task<OperationEntity> WaitAsync(Guid operationId)
    {
        OperationEntity? operation = null;
        await UntilAsync(async () =>
        {
            await using CloudVmDbContext db = NewContext();
            operation = await db.Operations.AsNoTracking().FirstAsync(o => o.Id == operationId, Ct);
            return operation.State.IsFinal();
        }, () => $"operation {operation!.Kind} ({operation.State}, {operation.Phase}) to end:\n" + Log());
        return operation!;
    }

    public async Task<OperationEntity> RunAsync(Guid? vmId, OperationKind kind, object? request = null, string? target = null)
    {
        OperationEntity operation = await WaitAsync(await EnqueueAsync(vmId, kind, request, target));
        Assert.True(operation.State == OperationState.Succeeded, $"{kind} {operation.State}: {operation.Problem}\n{Log()}");
        return operation;
    }

    public async Task RunForkAsync(Guid source, Guid fork)
    {
        OperationEntity operation = await WaitAsync(await EnqueueAsync(fork, OperationKind.VmFork, new OperationRequests.Restore(null), source: source));
        Assert.True(operation.State == OperationState.Succeeded, $"fork {operation.State}: {operation.Problem}\n{Log()}");
    }

    public Task<OperationEntity> StartAsync(Guid vmId) => RunAsync(vmId, OperationKind.VmStart);

    public async Task<Guid> SnapshotAsync(Guid vmId, string name)
    {
        Guid id = Guid.CreateVersion7();
        await RunAsync(vmId, OperationKind.VmSnapshot, new OperationRequests.TakeSnapshot(id, name, null, null));
        return id;
    }

    public async Task<VirtualMachineEntity> GetVmAsync(Guid vmId)
    {
        await using CloudVmDbContext db = NewContext();
        return await db.VirtualMachines.AsNoTracking().Include(v => v.Status).FirstAsync(v => v.Id == vmId, Ct);
    }

    public async Task<VirtualMachineEntity> WaitForPhaseAsync(Guid vmId, VmPhase phase)
    {
        VirtualMachineEntity? vm = null;
        await UntilAsync(async () =>
        {
            vm = await GetVmAsync(vmId);
            return vm.Status!.Phase == phase;
        }, () => $"VM phase {phase}, it is {vm!.Status!.Phase} ({vm.Status.Message}):\n" + Log());
        return vm!;
    }

    public async Task<long> ScalarAsync(string sql)
    {
        await using NpgsqlCommand command = Source.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync(Ct), System.Globalization.CultureInfo.InvariantCulture);
    }

    public Task WaitForAsync(string sql, Func<long, bool> satisfied)
    {
        long value = -1;
        return UntilAsync(async () => satisfied(value = await ScalarAsync(sql)), () => $"\"{sql}\", which is {value}:\n" + Log());
    }

    public SupervisedProcess Attach(VirtualMachineEntity vm) =>
        SupervisedProcess.TryAttach(_monitor, new ProcessIdentity(vm.Status!.ProcessId!.Value, vm.Status.ProcessStartTime!.Value))
        ?? throw new InvalidOperationException("The VM's process does not live.");

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(began) > Deadline)
                Assert.Fail("Waited in vain for " + what());
            await Task.Delay(20, Ct);
        }
    }

    public string Log() => File.ReadAllText(Path.Combine(_root, "worker.log"));

    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(20));
        if (Worker is not null)
            await Worker.KillAsync(deadline.Token);
        await LeftoverProcesses.EndAsync(_monitor, RunDirectory, deadline.Token);

        _monitor.Dispose();
        await Source.DisposeAsync();
        await Database.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    private static string RuntimeDirectory() =>
        Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    private static int FindPort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
