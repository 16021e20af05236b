namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>How a case is run, and which text of the row's column <c>expected</c> it was written for.</summary>
internal sealed record KvmCaseRunner(string Expected, Action<CaseHost> Run);

/// <summary>The runners of kvm-cases.csv by id, in one file for each group of rows.</summary>
internal static partial class KvmCases
{
    private static readonly Dictionary<string, KvmCaseRunner> Runners = Build();

    public static IEnumerable<string> Ids => Runners.Keys;

    public static KvmCaseRunner? Find(string id) => Runners.GetValueOrDefault(id);

    /// <summary>Rows about QEMU's <c>-cpu</c> option are run by the tests of its parser.</summary>
    public static bool IsRunElsewhere(string id) => id.StartsWith("QEMU-", StringComparison.Ordinal);

    private static Dictionary<string, KvmCaseRunner> Build()
    {
        var runners = new Dictionary<string, KvmCaseRunner>(StringComparer.Ordinal);
        AddInit(Add);
        AddFinalize(Add);
        AddVectorLengths(Add);
        AddSve(Add);
        AddCore(Add);
        AddLists(Add);
        AddSystemRegisters(Add);
        AddFirmware(Add);
        AddGuests(Add);
        AddHosts(Add);
        AddSeries(Add);
        AddMigration(Add);
        return runners;

        void Add(string id, string expected, Action<CaseHost> run) => runners.Add(id, new KvmCaseRunner(expected, run));
    }

    private delegate void Adder(string id, string expected, Action<CaseHost> run);
}
