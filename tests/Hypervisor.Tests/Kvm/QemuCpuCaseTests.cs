using System.Globalization;
using System.Text.RegularExpressions;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Testing;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>The cases of <c>kvm-cases.csv</c> that are about QEMU's <c>-cpu</c> option, each by its id.</summary>
public sealed partial class QemuCpuCaseTests
{
    private static readonly Dictionary<string, string[]> Cases =
        File.ReadLines(RepositoryRoot.Combine("tests", "Hypervisor.Tests", "Data", "kvm-cases.csv"))
            .Where(line => line.StartsWith("QEMU-", StringComparison.Ordinal))
            .Select(ReadCsv)
            .ToDictionary(row => row[0], StringComparer.Ordinal);

    public static TheoryData<string> Ids => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_option_gives_what_the_case_expects(string id)
    {
        var (profile, setup, operation, expected) = (Cases[id][1], Cases[id][2], Cases[id][3], Cases[id][4]);
        var accelerator = profile.Split(' ')[0] switch
        {
            "qemu-tcg" => QemuAccelerator.Tcg,
            "qemu-user" => QemuAccelerator.User,
            "qemu-kvm" => QemuAccelerator.Kvm,
            _ => throw new InvalidOperationException($"{id}: {profile}"),
        };
        foreach (var option in Options(operation))
        {
            var reading = QemuCpuParser.Parse(option, accelerator, HostSet().Match(setup) is { Success: true } host ? Vqs(host.Groups[1].Value) : null);
            Check(expected, option, reading);
        }
    }

    private static void Check(string expected, string option, QemuCpuReading reading)
    {
        if (expected.StartsWith("error: ", StringComparison.Ordinal))
        {
            Assert.Null(reading.Cpu);
            var message = reading.Reasons[0].Message;
            Assert.All(ErrorWords(expected), word => Assert.Contains(word, message, StringComparison.Ordinal));
            return;
        }

        Assert.Empty(reading.Reasons);
        var cpu = reading.Cpu!;
        if (expected.StartsWith("no SVE", StringComparison.Ordinal))
            Assert.Empty(cpu.VectorLengthsBits);
        else if (expected.StartsWith("VL ", StringComparison.Ordinal))
            Assert.Equal(Number(expected) * 8, cpu.DefaultVectorLengthBits);
        else if (expected.StartsWith("VQ {", StringComparison.Ordinal))
            Assert.Equal(Vqs(HostSet().Match(expected).Groups[1].Value), cpu.VectorLengthsBits);
        else if (Range().Match(expected) is { Success: true } range)
            Assert.Equal(
                Enumerable.Range(1, Number(range.Groups[1].Value)).Where(vq => vq.ToString(CultureInfo.InvariantCulture) != range.Groups[2].Value).Select(vq => vq * 128),
                cpu.VectorLengthsBits);
        else
            Assert.Fail($"'{expected}' of {option} is not understood.");
    }

    /// <summary>The words of the expectation that the message must have: what cannot be done to which property, or the number's fault.</summary>
    private static IEnumerable<string> ErrorWords(string expected) => ErrorWord().Matches(expected).Select(match => match.Value);

    /// <summary>"-cpu a,b=0 / =17" are two options.</summary>
    private static IEnumerable<string> Options(string operation)
    {
        var parts = operation.Split(" / ");
        yield return parts[0];
        foreach (var other in parts.Skip(1))
            yield return parts[0][..parts[0].LastIndexOf('=')] + other;
    }

    private static IEnumerable<int> Vqs(string list) =>
        list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(vq => int.Parse(vq, CultureInfo.InvariantCulture) * 128);

    private static int Number(string text) => int.Parse(Digits().Match(text).Value, CultureInfo.InvariantCulture);

    private static string[] ReadCsv(string line) =>
        [.. CsvField().Matches(line).Select(field => field.Groups[1].Success ? field.Groups[1].Value : field.Groups[2].Value)];

    [GeneratedRegex("\\{([0-9,]*)\\}")]
    private static partial Regex HostSet();

    [GeneratedRegex("^VQ 1\\.\\.(\\d+)(?: except (\\d+))?$")]
    private static partial Regex Range();

    [GeneratedRegex("cannot (?:dis|en)able sve\\d+|not found|smaller than 16|larger than 8192|not a multiple of 16|unsupported SVE vector length|1-16")]
    private static partial Regex ErrorWord();

    [GeneratedRegex("\\d+")]
    private static partial Regex Digits();

    [GeneratedRegex("(?:^|,)(?:\"([^\"]*)\"|([^,\"]*))")]
    private static partial Regex CsvField();
}
