using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using CloudVm.Hypervisor.Devices.Virtio;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Devices.Virtio;

/// <summary>What a guest's virtio driver does, with RAM of its own: registers, rings and buffers, and every mistake a test asks for.</summary>
internal sealed class VirtioDriver : IDisposable
{
    public const ulong Ram = 0x4000_0000;
    public const int RamBytes = 8 * 1024 * 1024;

    public const ulong Version1 = 1ul << 32;
    public const ulong EventIndex = 1ul << 29;
    public const ulong Indirect = 1ul << 28;

    public const ushort Next = 1;
    public const ushort Write = 2;
    public const ushort IndirectFlag = 4;

    private const ulong QueueArea = 0x1_0000;
    private const ulong Buffers = Ram + 0x10_0000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Dictionary<int, Ring> _rings = [];
    private ulong _nextBuffer = Buffers;
    private int _irqs;

    public VirtioDriver(Func<GuestMemory, VirtioDevice> create)
    {
        Memory = new GuestMemory(Ram, RamBytes);
        Transport = new VirtioMmio(3, create(Memory), OnIrq, (device, message) => Events.Enqueue($"{device} {message}"));
    }

    public GuestMemory Memory { get; }

    public VirtioMmio Transport { get; }

    /// <summary>Events reported by the device.</summary>
    public ConcurrentQueue<string> Events { get; } = new();

    public bool IrqLevel { get; private set; }

    /// <summary>Rising edges of the interrupt line.</summary>
    public int Irqs => Volatile.Read(ref _irqs);

    public byte Status => (byte)Register(0x70);

    public bool NeedsReset => (Status & 64) != 0;

    public uint Register(ulong offset) => (uint)Transport.Read(offset, 4);

    public void SetRegister(ulong offset, uint value) => Transport.Write(offset, 4, value);

    /// <summary>Resets, agrees on features and sets all queues up.</summary>
    public void Start(ulong features = Version1, int queueSize = 16)
    {
        Negotiate(features);
        Assert.Equal(8, Status & 8);
        for (var queue = 0; SelectQueue(queue); queue++)
            SetUpQueue(queue, queueSize);
        SetRegister(0x70, 4);
    }

    public void Negotiate(ulong features)
    {
        SetRegister(0x70, 0);
        _rings.Clear();
        SetRegister(0x70, 1);
        SetRegister(0x70, 2);
        SetRegister(0x24, 0);
        SetRegister(0x20, (uint)features);
        SetRegister(0x24, 1);
        SetRegister(0x20, (uint)(features >> 32));
        SetRegister(0x70, 8);
    }

    public ulong OfferedFeatures()
    {
        SetRegister(0x14, 0);
        ulong features = Register(0x10);
        SetRegister(0x14, 1);
        return features | ((ulong)Register(0x10) << 32);
    }

    public bool SelectQueue(int queue)
    {
        SetRegister(0x30, (uint)queue);
        return Register(0x34) != 0;
    }

    public Ring SetUpQueue(int queue, int size)
    {
        var area = Ram + ((ulong)queue * QueueArea);
        var ring = new Ring(this, queue, size, area, area + 0x4000, area + 0x8000);
        Assert.True(Memory.TryWrite(area, new byte[QueueArea]));
        _rings[queue] = ring;
        Configure(queue, (uint)size, ring.Descriptors, ring.Available, ring.Used);
        return ring;
    }

    public void Configure(int queue, uint size, ulong descriptors, ulong available, ulong used)
    {
        SelectQueue(queue);
        SetRegister(0x38, size);
        SetAddress(0x80, descriptors);
        SetAddress(0x90, available);
        SetAddress(0xa0, used);
        SetRegister(0x44, 1);
    }

    public Ring Queue(int queue) => _rings[queue];

    /// <summary>The same rings on another device, which was given this one's state and memory.</summary>
    public void TakeRingsOf(VirtioDriver other)
    {
        foreach (var (queue, ring) in other._rings)
            _rings[queue] = new Ring(this, queue, ring.Size, ring.Descriptors, ring.Available, ring.Used) { Added = ring.Added, Taken = ring.Taken };
        _nextBuffer = other._nextBuffer;
        var all = new byte[RamBytes];
        Assert.True(other.Memory.TryRead(Ram, all));
        Assert.True(Memory.TryWrite(Ram, all));
    }

    public byte[] Save()
    {
        var writer = new StateWriter();
        Transport.Save(writer);
        return writer.Written.ToArray();
    }

    public void Restore(byte[] state)
    {
        var reader = new StateReader(Transport.SectionName, state);
        var apply = Transport.PrepareRestore(reader);
        reader.ExpectEnd();
        apply();
    }

    public ulong Allocate(ReadOnlySpan<byte> content)
    {
        var address = Allocate(content.Length);
        Assert.True(Memory.TryWrite(address, content));
        return address;
    }

    public ulong Allocate(int length)
    {
        if (_nextBuffer + (ulong)length > Ram + RamBytes)
            _nextBuffer = Buffers;
        var address = _nextBuffer;
        _nextBuffer += ((ulong)length + 15) & ~15ul;
        return address;
    }

    public byte[] Bytes(ulong address, int length)
    {
        var bytes = new byte[length];
        Assert.True(Memory.TryRead(address, bytes));
        return bytes;
    }

    public ushort Half(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(address, 2));

    public void SetHalf(ulong address, ushort value) => Assert.True(Memory.TryWriteRelease(address, value));

    public byte[] Config(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)Transport.Read(0x100 + (ulong)i, 1))];

    /// <summary>Waits for a condition that the device brings about.</summary>
    public static void Await(Func<bool> condition, string what)
    {
        var began = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, $"Waited in vain for {what}.");
            Thread.Yield();
        }
    }

    /// <summary>Waits until the device has stopped with an event that says <paramref name="reason"/>.</summary>
    public void AwaitBroken(string reason)
    {
        Await(() => NeedsReset && !Events.IsEmpty, "DEVICE_NEEDS_RESET");
        Assert.Contains(Events, e => e.Contains(reason, StringComparison.Ordinal));
    }

    public void Dispose()
    {
        Transport.Dispose();
        Memory.Dispose();
    }

    private void SetAddress(ulong register, ulong address)
    {
        SetRegister(register, (uint)address);
        SetRegister(register + 4, (uint)(address >> 32));
    }

    private void OnIrq(bool level)
    {
        IrqLevel = level;
        if (level)
            Interlocked.Increment(ref _irqs);
    }

    /// <summary>One queue as the driver sees it. Descriptors are used round and round; tests keep few under way.</summary>
    internal sealed class Ring(VirtioDriver driver, int index, int size, ulong descriptors, ulong available, ulong used)
    {
        private int _nextDescriptor;

        public int Size { get; } = size;

        public ulong Descriptors { get; } = descriptors;

        public ulong Available { get; } = available;

        public ulong Used { get; } = used;

        /// <summary>Available index.</summary>
        public ushort Added { get; set; }

        /// <summary>Used entries seen.</summary>
        public ushort Taken { get; set; }

        public void SetDescriptor(int at, ulong address, uint length, ushort flags, ushort next, ulong? table = null)
        {
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], flags);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[14..], next);
            Assert.True(driver.Memory.TryWrite((table ?? Descriptors) + (16 * (ulong)at), bytes));
        }

        /// <summary>Makes a chain of (address, length, writable) available without notifying.</summary>
        public int Add(params ReadOnlySpan<(ulong Address, int Length, bool Writable)> buffers)
        {
            var head = _nextDescriptor;
            for (var i = 0; i < buffers.Length; i++)
            {
                var at = (head + i) % Size;
                var last = i == buffers.Length - 1;
                SetDescriptor(at, buffers[i].Address, (uint)buffers[i].Length,
                    (ushort)((last ? 0 : Next) | (buffers[i].Writable ? Write : 0)), (ushort)((at + 1) % Size));
            }

            _nextDescriptor = (head + buffers.Length) % Size;
            Publish((ushort)head);
            return head;
        }

        /// <summary>Puts a head into the available ring.</summary>
        public void Publish(ushort head)
        {
            driver.SetHalf(Available + 4 + (2 * (ulong)(Added % Size)), head);
            Added++;
            driver.SetHalf(Available + 2, Added);
        }

        public void Kick() => driver.SetRegister(0x50, (uint)index);

        public ushort UsedIndex => driver.Memory.TryReadAcquire(Used + 2, out var value) ? value : throw new InvalidOperationException("The ring is not in RAM.");

        /// <summary>Waits for the next used entry.</summary>
        public (uint Head, int Length) Take()
        {
            Await(() => UsedIndex != Taken, $"a used entry of queue {index}; events: {string.Join("; ", driver.Events)}");
            var element = driver.Bytes(Used + 4 + (8 * (ulong)(Taken % Size)), 8);
            Taken++;
            return (BinaryPrimitives.ReadUInt32LittleEndian(element), BinaryPrimitives.ReadInt32LittleEndian(element.AsSpan(4)));
        }

        /// <summary>Adds, notifies and waits.</summary>
        public int Run(params ReadOnlySpan<(ulong Address, int Length, bool Writable)> buffers)
        {
            var head = Add(buffers);
            Kick();
            var (used, length) = Take();
            Assert.Equal((uint)head, used);
            return length;
        }
    }
}
