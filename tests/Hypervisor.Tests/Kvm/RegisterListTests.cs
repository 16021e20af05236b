using System.Globalization;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>GET_REG_LIST against the lists that Linux 6.12 answered, in content and order, and what 6.1 and the series have of them.</summary>
public sealed class RegisterListTests
{
    private const uint Pmu = 0x08;
    private const uint Ptrauth = 0x60;

    private static readonly HashSet<string> NotIn61 =
    [
        .. Enumerable.Range(3, 11).Select(selector => $"0x602000000011{selector:x4}"), // the model has three caches
        "0x603000000013df11", "0x603000000013df01", "0x603000000013df12", // physical timer
        "0x603000000013c103", "0x603000000013c512", "0x603000000013c513", // TCR2_EL1, PIRE0_EL1, PIR_EL1
    ];

    [Theory]
    [InlineData(0u, "nonsve", 259)]
    [InlineData(TestVm.Sve, "sve", 278)]
    public void ListEqualsTheKernels(uint features, string set, int count)
    {
        using var vm = new TestVm();
        var expected = ReadSet($"measured-v6.12.117/{set}");

        Assert.Equal(count, expected.Count);
        Assert.Equal(expected, List(vm.CreateReady(features | TestVm.Psci)));
    }

    /// <summary>The older list has its invariant registers, cache description included, before the others.</summary>
    [Theory]
    [InlineData(0u, "nonsve", 242)]
    [InlineData(TestVm.Sve, "sve", 261)]
    public void OlderListLacksWhatCameLater(uint features, string set, int count)
    {
        using var vm = new TestVm(abi: AbiProfile.Linux61);
        var list = List(vm.CreateReady(features | TestVm.Psci));

        Assert.Equal(count, list.Count);
        Assert.Equal(ReadSet($"measured-v6.12.117/{set}").Where(id => !NotIn61.Contains(id)).Order(), list.Order());
        var invariant = list.IndexOf("0x603000000013c000");
        Assert.Equal(
            ["0x603000000013c000", "0x603000000013c006", "0x603000000013c801", "0x603000000013c807", "0x603000000013d801"],
            list.GetRange(invariant, 5));
        Assert.Equal(["0x6020000000110000", "0x6020000000110001", "0x6020000000110002"], list.TakeLast(3));
    }

    [Fact]
    public void EachFeatureBringsItsRegisters()
    {
        using var vm = new TestVm(HostProfile.BuiltIn["a64fx"] with { Facts = new HostFacts { Pmu = true } });
        using var plain = new TestVm();
        var with = List(vm.CreateReady(Pmu | Ptrauth));
        var without = List(plain.CreateReady(0));

        Assert.Empty(without.Except(with));
        Assert.Equal(74 + 10, with.Count - without.Count);
    }

    [Fact]
    public void SveChangesTheListOfTheSeriesByItsOwnRegisters()
    {
        using var vm = new TestVm(abi: AbiProfile.Rfc2018);
        using var plain = new TestVm(abi: AbiProfile.Rfc2018);
        var with = List(vm.CreateReady(TestVm.Sve, finalize: false));
        var without = List(plain.CreateReady(0));

        Assert.Empty(without.Except(with));
        var added = with.Except(without).ToList();
        Assert.Equal(49 + 1, added.Count); // Z, P, FFR; ZCR_EL1
        Assert.Equal("0x6080000000150000", added[0]);
        Assert.Equal("0x6050000000150600", added[48]);
        Assert.Single(with, id => id.StartsWith("0x603000000014", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(TestVm.Sve)]
    public void EveryListedRegisterReadsAndTakesItsOwnValueBack(uint features)
    {
        foreach (var abi in new[] { AbiProfile.Linux612, AbiProfile.Linux61 })
        {
            using var vm = new TestVm(abi: abi);
            var vcpu = vm.CreateReady(features | TestVm.Psci);
            var ids = new List<ulong>();
            Assert.Equal(Errno.Ok, vcpu.GetRegList(ids));
            foreach (var id in ids.Where(id => id != RegisterId.SveVls))
            {
                var value = new byte[RegisterId.SizeOf(id)];
                Assert.True(vcpu.GetOneReg(id, value) == Errno.Ok, $"GET of {id:x}");
                Assert.True(vcpu.SetOneReg(id, value) == Errno.Ok, $"SET of {id:x}");
            }
        }
    }

    [Fact]
    public void AnUnfinalizedSveVcpuHasNoList()
    {
        using var vm = new TestVm();
        var vcpu = vm.Create();
        Assert.Equal(Errno.ENOEXEC, vcpu.GetRegList([]));
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        Assert.Equal(Errno.EPERM, vcpu.GetRegList([]));
    }

    /// <summary>A caller that knows nothing of SVE's many registers gets a number and no id beyond its room.</summary>
    [Fact]
    public void RoomIsNeverOverrun()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Sve);
        Assert.Equal(Errno.EFAULT, vcpu.GetRegList((KvmRegList?)null));

        var small = new KvmRegList(259);
        Assert.Equal(Errno.E2BIG, vcpu.GetRegList(small));
        Assert.Equal(278ul, small.Count);
        Assert.All(small.Ids, id => Assert.Equal(0ul, id));

        var lying = new KvmRegList(259) { Count = 300 };
        Assert.Equal(Errno.EFAULT, vcpu.GetRegList(lying));
        Assert.Equal(278ul, lying.Count);

        var large = new KvmRegList(300);
        Assert.Equal(Errno.Ok, vcpu.GetRegList(large));
        Assert.Equal(278ul, large.Count);
        Assert.All(large.Ids.Skip(278), id => Assert.Equal(0ul, id));
    }

    private static List<string> List(KvmVcpu vcpu)
    {
        var ids = new List<ulong>();
        Assert.Equal(Errno.Ok, vcpu.GetRegList(ids));
        return ids.ConvertAll(Hex);
    }

    private static List<string> ReadSet(string set) =>
        [.. File.ReadLines(RepositoryRoot.Combine("tests", "Hypervisor.Tests", "Data", "kvm-reg-list.csv"))
            .Where(line => line.StartsWith(set + ",", StringComparison.Ordinal))
            .Select(line => line[(line.LastIndexOf(',') + 1)..])];

    private static string Hex(ulong id) => string.Create(CultureInfo.InvariantCulture, $"0x{id:x16}");
}
