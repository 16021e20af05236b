using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>Register ids of the cases, and access to them with buffers of the right size.</summary>
internal static class VcpuAccess
{
    public const ulong X0 = 0x6030000000100000;
    public const ulong Pc = 0x6030000000100040;
    public const ulong Pstate = 0x6030000000100042;
    public const ulong V0 = 0x6040000000100054;
    public const ulong Z0 = 0x6080000000150000;
    public const ulong Z31 = 0x60800000001503e0;
    public const ulong P0 = 0x6050000000150400;
    public const ulong Ffr = 0x6050000000150600;
    public const ulong Vls = 0x606000000015ffff;
    public const ulong Zcr = 0x603000000013c090;
    public const ulong Cpacr = 0x603000000013c082;
    public const ulong Vbar = 0x603000000013c600;
    public const ulong Esr = 0x603000000013c290;
    public const ulong Pfr0 = 0x603000000013c020;
    public const ulong Zfr0 = 0x603000000013c024;
    public const ulong Isar0 = 0x603000000013c030;

    /// <summary>GET_ONE_REG into a buffer of the id's size.</summary>
    public static Errno Get(this KvmVcpu vcpu, ulong id) => vcpu.GetOneReg(id, new byte[SizeOf(id)]);

    /// <summary>SET_ONE_REG from a buffer of the id's size that begins with <paramref name="value"/>.</summary>
    public static Errno Set(this KvmVcpu vcpu, ulong id, ulong value) => vcpu.SetOneReg(id, Bytes(SizeOf(id), value));

    /// <summary>A register's bytes.</summary>
    public static byte[] Read(this KvmVcpu vcpu, ulong id)
    {
        var bytes = new byte[SizeOf(id)];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(id, bytes));
        return bytes;
    }

    /// <summary>A register's lowest 64 bits, or all if it has fewer.</summary>
    public static ulong Value(this KvmVcpu vcpu, ulong id)
    {
        Span<byte> bytes = stackalloc byte[256];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(id, bytes[..SizeOf(id)]));
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>Sets a register, which must succeed.</summary>
    public static void Write(this KvmVcpu vcpu, ulong id, ulong value) => Assert.Equal(Errno.Ok, vcpu.Set(id, value));

    /// <summary>Bytes with a value in front.</summary>
    public static byte[] Bytes(int size, ulong value)
    {
        var bytes = new byte[Math.Max(size, 8)];
        BitConverter.TryWriteBytes(bytes, value);
        return bytes[..size];
    }

    /// <summary>The bytes 1, 2, 3 and so on.</summary>
    public static byte[] Counting(int size) => [.. Enumerable.Range(1, size).Select(n => (byte)n)];

    private static int SizeOf(ulong id) => 1 << (int)(id >> 52 & 0xf);
}
