using System.Globalization;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>GET_REG_LIST against the lists that Linux 6.12 answered, in content and order.</summary>
public sealed class RegisterListTests
{
    [Theory]
    [InlineData(0u, "nonsve", 259)]
    [InlineData(TestVm.Sve, "sve", 278)]
    public void ListEqualsTheKernels(uint features, string set, int count)
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(features | TestVm.Psci);
        var ids = new List<ulong>();

        Assert.Equal(Errno.Ok, vcpu.GetRegList(ids));

        var expected = ReadSet($"measured-v6.12.117/{set}");
        Assert.Equal(count, expected.Count);
        Assert.Equal(expected, ids.ConvertAll(Hex));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(TestVm.Sve)]
    public void EveryListedRegisterReadsAndTakesItsOwnValueBack(uint features)
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(features | TestVm.Psci);
        var ids = new List<ulong>();
        vcpu.GetRegList(ids);
        foreach (var id in ids.Where(id => id != RegisterId.SveVls))
        {
            var value = new byte[RegisterId.SizeOf(id)];
            Assert.True(vcpu.GetOneReg(id, value) == Errno.Ok, $"GET of {id:x}");
            Assert.True(vcpu.SetOneReg(id, value) == Errno.Ok, $"SET of {id:x}");
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

    private static List<string> ReadSet(string set) =>
        [.. File.ReadLines(RepositoryRoot.Combine("tests", "Hypervisor.Tests", "Data", "kvm-reg-list.csv"))
            .Where(line => line.StartsWith(set + ",", StringComparison.Ordinal))
            .Select(line => line[(line.LastIndexOf(',') + 1)..])];

    private static string Hex(ulong id) => string.Create(CultureInfo.InvariantCulture, $"0x{id:x16}");
}
