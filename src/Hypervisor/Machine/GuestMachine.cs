using System.Threading.Channels;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Devices;
using CloudVm.Hypervisor.Devices.Pl011;
using CloudVm.Hypervisor.Devices.Pl031;
using CloudVm.Hypervisor.Devices.Pl061;
using CloudVm.Hypervisor.Devices.Virtio.Net;
using CloudVm.Hypervisor.Disks;
using CloudVm.Hypervisor.Gic;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Machine;

/// <summary>
/// The board: emulated host, KVM, vCPU threads, memory and devices, put together here and nowhere else. Its lifecycle calls move it
/// between the states of <see cref="MachineState"/>.
/// </summary>
/// <remarks>Thread: any; lifecycle calls exclude each other. vCPU threads report through a queue and never call them.</remarks>
public sealed partial class GuestMachine : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly MachineConfiguration _configuration;
    private readonly TimeProvider _time;
    private readonly EmulatedHost _host;
    private readonly KvmVm _vm;
    private readonly MmioBus _bus = new();
    private readonly Pl011 _uart;
    private readonly Pl031 _rtc;
    private readonly Pl061 _gpio;
    private readonly PowerButton _powerButton;
    private readonly VirtioBoard _virtio;
    private readonly ConsoleLog? _log;
    private readonly List<MachineDisk> _disks;
    private readonly List<KvmVcpu> _vcpus = [];
    private readonly List<VcpuThread> _threads = [];
    private readonly List<ISnapshottable> _parts = [];
    private readonly Channel<MachineEvent> _events = Channel.CreateUnbounded<MachineEvent>();
    private readonly TaskCompletionSource<MachineExit> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _supervisor;
    private readonly ResetLoopDetector _resetLoop;
    private BootTarget _boot;
    private long _resets;
    private long _dirtyEpoch;

    private GuestMachine(
        MachineConfiguration configuration, ConsoleLog? log, List<MachineDisk> disks, IReadOnlyList<BoardDisk> moreDisks, TimeProvider time)
    {
        _configuration = configuration;
        _time = time;
        _log = log;
        _disks = disks;
        _resetLoop = new ResetLoopDetector(time);
        _host = new EmulatedHost(configuration.Host);
        Memory = new GuestMemory(MemoryMap.Ram, configuration.RamBytes);
        var system = new KvmSystem(_host, configuration.Abi, EngineFeatures.Implemented);
        _vm = system.CreateVm(Memory, configuration.Definition.CpuCount, time);
        _vm.Clock.Stop(); // a machine's time begins at its start
        _vm.Clock.Set(0);
        _vm.AllVcpusOff += () => Post(new MachineEvent(KvmSystemEvent.Shutdown, "The last vCPU switched itself off."));
        _uart = new Pl011(Transmit, Line(MemoryMap.UartSpi));
        _rtc = new Pl031(time, Line(MemoryMap.RtcSpi));
        _gpio = new Pl061(Line(MemoryMap.GpioSpi));
        _powerButton = new PowerButton(_gpio, time);
        _virtio = new VirtioBoard(Memory, Line, CreateNetwork(), [.. disks.Select(disk => new BoardDisk(disk.Name, disk)), .. moreDisks], time);
        Wire();
        CreateVcpus();
        _parts.AddRange(
            [new MachineIdentity(configuration), .. _vcpus, _vm.Gic, _vm.Its, _vm.Timers, _uart, _rtc, _gpio, .. _virtio.Parts, Console]);
        _supervisor = Task.Run(SuperviseAsync);
    }

    /// <summary>Completes when the machine has ended.</summary>
    public Task<MachineExit> Ended => _ended.Task;

    public MachineState State { get; private set; } = MachineState.Configured;

    public GuestMemory Memory { get; }

    /// <summary>The output that viewers see.</summary>
    public ConsoleBuffer Console { get; } = new();

    /// <summary>Raised when a device reports something, on its I/O thread.</summary>
    public event Action<DeviceEvent> DeviceReported
    {
        add => _virtio.Events.Added += value;
        remove => _virtio.Events.Added -= value;
    }

    /// <summary>Raised with each line that the guest writes to the agent's console port, on the device's I/O thread.</summary>
    public event Action<string> AgentLineReceived
    {
        add => _virtio.Console.AgentLineReceived += value;
        remove => _virtio.Console.AgentLineReceived -= value;
    }

    internal MachineConfiguration Configuration => _configuration;

    /// <summary>Builds a machine and loads its boot files.</summary>
    /// <param name="definition">What to build.</param>
    /// <param name="time">The host's time.</param>
    /// <param name="moreDisks">Disks after the definition's own; the machine owns them once it exists.</param>
    /// <exception cref="MachineDefinitionException">Every fault of the definition, its files included.</exception>
    public static GuestMachine Create(MachineDefinition definition, TimeProvider time, params IReadOnlyList<BoardDisk> moreDisks)
    {
        var errors = new List<ControlProblemReason>();
        var configuration = MachineConfiguration.Create(definition, errors);
        ConsoleLog? log = null;
        if (definition.ConsoleLogPath is { } path)
        {
            try
            {
                log = new ConsoleLog(path, time);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                errors.Add(new("/consoleLogPath", $"The console log cannot be opened: {e.Message}"));
            }
        }

        List<MachineDisk> disks = errors.Count == 0 ? OpenDisks(definition, errors) : [];
        if (configuration is null || errors.Count > 0)
        {
            log?.Dispose();
            disks.ForEach(disk => disk.Dispose());
            throw new MachineDefinitionException(errors);
        }

        var machine = new GuestMachine(configuration, log, disks, moreDisks, time);
        try
        {
            machine.Boot();
        }
        catch (BootException e)
        {
            machine.End(new MachineExit(MachineExitReason.Crashed, e.Message));
            machine.Release();
            throw new MachineDefinitionException([.. e.Reasons.Select(reason => new ControlProblemReason("/boot", reason))]);
        }

        return machine;
    }

    /// <summary>Types bytes into the UART.</summary>
    /// <returns>How many bytes were taken; none while the machine is being restored or has ended.</returns>
    public int TypeConsole(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
            return State is MachineState.Restoring or MachineState.Exited ? 0 : _uart.Receive(bytes);
    }

    /// <summary>Adds a marker line to the stored log.</summary>
    public void AppendLogMarker(string text) => _log?.AppendMarker(text);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        End(new MachineExit(MachineExitReason.Stopped, null));
        await _supervisor.ConfigureAwait(false);
        Release();
    }

    /// <summary>An MMIO exit; nothing is there: reads as zero, writes are lost, as on QEMU's board.</summary>
    internal void HandleMmio(KvmRun run)
    {
        if (run.MmioIsWrite)
        {
            _bus.TryWrite(run.MmioAddress, run.MmioLength, run.MmioData);
        }
        else
        {
            _bus.TryRead(run.MmioAddress, run.MmioLength, out var value);
            run.MmioData = value;
        }
    }

    private void Release()
    {
        foreach (var thread in _threads)
            thread.WaitParked();
        _log?.Dispose();
        _rtc.Dispose();
        _powerButton.Dispose();
        _virtio.Dispose();
        _vm.Dispose();
        _host.Dispose();
        Memory.Dispose();
    }

    private void Wire()
    {
        _vm.KernelBus.Add(MemoryMap.GicDistributor, GicV3.DistributorBytes, _vm.Gic.Distributor);
        _vm.KernelBus.Add(MemoryMap.GicRedistributors, GicV3.RedistributorBytes * (ulong)_configuration.Definition.CpuCount, _vm.Gic.Redistributors);
        _vm.KernelBus.Add(MemoryMap.GicIts, Its.FrameBytes, _vm.Its);
        _bus.Add(MemoryMap.Uart, MemoryMap.DevicePage, _uart);
        _bus.Add(MemoryMap.Rtc, MemoryMap.DevicePage, _rtc);
        _bus.Add(MemoryMap.Gpio, MemoryMap.DevicePage, _gpio);
        _virtio.AddTo(_bus);
    }

    private VirtioNet? CreateNetwork()
    {
        if (_configuration.Definition.Network is not { } network)
            return null;
        if (!MacAddress.TryParse(network.MacAddress, out var address))
            address = MacAddress.Of(_configuration.Definition.VmId);
        INetBackend backend = network is { Backend: "passt", SocketPath: { } path } ? new PasstBackend(path, _time) : new DisconnectedBackend();
        return new VirtioNet(address, backend, Memory);
    }

    /// <summary>
    /// CLIDR_EL1 where it can be chosen: separate caches of level 1 and coherence behind them. A second level, as the kernel makes up, would
    /// need nodes in the device tree, without which Linux says that it cannot detect the cache hierarchy.
    /// </summary>
    private const ulong BoardCaches = 0x0100_0003;

    /// <summary>The board tells the time by its PL031, as QEMU's does, so guests get none of KVM's own services.</summary>
    private void CreateVcpus()
    {
        for (var index = 0; index < _configuration.Definition.CpuCount; index++)
        {
            Check(_vm.CreateVcpu(index, out var vcpu), "CREATE_VCPU");
            _vcpus.Add(vcpu!);
            InitVcpu(vcpu!);
            if (_configuration.Abi.HasFirmwareBitmaps)
                Check(vcpu!.SetOneReg(RegisterId.VendorHypervisorServices, new byte[8]), "SET_ONE_REG of the vendor's services");
            if (_configuration.Abi.CachesAreFabricated)
                Check(vcpu!.SetOneReg(RegisterId.SystemRegister(SystemRegister.CLIDR_EL1), BitConverter.GetBytes(BoardCaches)), "SET_ONE_REG of the caches");
            if (vcpu!.HasSve && _configuration.Abi.NeedsFinalize)
            {
                Span<byte> lengths = stackalloc byte[64];
                BitConverter.TryWriteBytes(lengths, _configuration.VectorLengths[index].Bits);
                Check(vcpu.SetOneReg(RegisterId.SveVls, lengths), "SET_ONE_REG of the vector lengths");
                Check(vcpu.FinalizeFeature(4), "VCPU_FINALIZE");
            }

            _threads.Add(new VcpuThread(vcpu, this));
        }
    }

    private void InitVcpu(KvmVcpu vcpu)
    {
        var features = KvmVcpuFeatures.Psci02;
        if (!_configuration.VectorLengths[vcpu.Index].IsEmpty)
            features |= KvmVcpuFeatures.Sve;
        if (_configuration.Definition.Ptrauth)
            features |= MachineConfiguration.Ptrauth;
        if (vcpu.Index > 0)
            features |= KvmVcpuFeatures.PowerOff;
        var init = new KvmVcpuInit();
        Check(_vm.GetPreferredTarget(init), "PREFERRED_TARGET");
        init.Features[0] = (uint)features;
        Check(vcpu.Init(init), "VCPU_INIT");
    }

    private static void Check(Errno result, string call)
    {
        if (result != Errno.Ok)
            throw new InvalidOperationException($"{call} failed with {result}.");
    }

    private Action<bool> Line(int spi) => level => _vm.Gic.SetSpi(GicV3.FirstSpi + spi, level);

    private void Transmit(byte value)
    {
        Console.Append(value);
        _log?.Append(value);
    }
}
