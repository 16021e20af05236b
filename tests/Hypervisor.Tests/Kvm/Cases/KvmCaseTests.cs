using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>Every row of kvm-cases.csv in every profile that it names, each on a host of its own.</summary>
public sealed class KvmCaseTests
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var row in KvmCase.All.Where(row => !KvmCases.IsRunElsewhere(row.Id)))
            {
                foreach (var profile in row.Profiles)
                    data.Add(row.Id, profile.Name);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Case(string id, string profile)
    {
        var row = KvmCase.All.Single(row => row.Id == id);
        var runner = KvmCases.Find(id) ?? throw new InvalidOperationException($"Nothing runs {id}.");
        Assert.Equal(row.Expected, runner.Expected);
        using var host = new CaseHost(AbiProfile.Find(profile)!);
        runner.Run(host);
    }

    [Fact]
    public void EveryRowHasOneRunnerAndEveryRunnerARow()
    {
        var rows = KvmCase.All.Select(row => row.Id).ToList();
        Assert.Equal(195, rows.Count);
        Assert.Equal(rows.Count, rows.Distinct().Count());
        Assert.Empty(rows.Where(id => KvmCases.Find(id) is null && !KvmCases.IsRunElsewhere(id)));
        Assert.Empty(KvmCases.Ids.Except(rows));
    }
}
