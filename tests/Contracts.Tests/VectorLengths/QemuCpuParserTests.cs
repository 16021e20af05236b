using System.Text;
using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Contracts.Tests.VectorLengths;

/// <summary>Results are QEMU's; lengths are written as VQs.</summary>
public sealed class QemuCpuParserTests
{
    [Theory]
    [InlineData("max", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16")]
    [InlineData("-cpu max,sve512=on", "1,2,4")]
    [InlineData("max,sve=off", "")]
    [InlineData("max,sve=off,sve128=off", "")]
    [InlineData("max,sve128=on", "1")]
    [InlineData("max,sve384=on", "1,2,3")]
    [InlineData("max,sve512=off", "1,2,3")]
    [InlineData("max,sve256=off", "1")]
    [InlineData("max,sve384=off", "1,2,4,5,6,7,8,9,10,11,12,13,14,15,16")]
    [InlineData("max,sve2048=off", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15")]
    [InlineData("max,sve=off,sve512=on,sve=on", "1,2,4")]
    [InlineData("max,sve512=on,sve=on,sve=yes", "1,2,4")]
    [InlineData("max,sve1024=on,sve384=on", "1,2,3,4,8")]
    [InlineData("max,sve512=off,sve512=on", "1,2,4")]
    [InlineData("max,sve512=on,sve512=off", "1,2,3")]
    [InlineData("max,sve-max-vq=4", "1,2,3,4")]
    [InlineData("max,sve-max-vq=0x4", "1,2,3,4")]
    [InlineData("max,sve-max-vq=4,sve384=off", "1,2,4")]
    [InlineData("max,sve-max-vq=4,sve256=on", "1,2,3,4")]
    [InlineData("max,sve-max-vq=16,sve-max-vq=1", "1")]
    [InlineData("a64fx", "1,2,4")]
    [InlineData("a64fx,sve512=off", "1,2")]
    [InlineData("neoverse-v1", "1,2")]
    [InlineData("neoverse-n2", "1")]
    [InlineData("cortex-a57", "")]
    public void Emulated_cpus_get_the_lengths_that_qemu_gives(string option, string vqs) =>
        Assert.Equal(vqs, Vqs(Accepted(option, QemuAccelerator.Tcg)));

    [Theory]
    [InlineData("max,sve128=off", "cannot disable sve128")]
    [InlineData("max,sve=off,sve128=off,sve=on", "cannot disable sve128")]
    [InlineData("max,sve=off,sve128=on", "cannot enable sve128")]
    [InlineData("max,sve512=on,sve256=off", "cannot disable sve256")]
    [InlineData("max,sve384=on,sve512=off,sve640=on", "cannot disable sve512")]
    [InlineData("max,sve-max-vq=4,sve512=off", "cannot disable sve512")]
    [InlineData("max,sve-max-vq=4,sve256=off", "cannot disable sve256")]
    [InlineData("max,sve-max-vq=4,sve640=on", "cannot enable sve640")]
    [InlineData("max,sve-max-vq=4,sve=off", "cannot enable sve512")]
    [InlineData("max,sve-max-vq=0", "unsupported SVE vector length")]
    [InlineData("max,sve-max-vq=17", "unsupported SVE vector length")]
    [InlineData("max,sve-max-vq=many", "parameter 'sve-max-vq' expects a number")]
    [InlineData("a64fx,sve384=on", "cannot enable sve384")]
    [InlineData("a64fx,sve-max-vq=4", "property 'sve-max-vq' not found")]
    [InlineData("cortex-a57,sve=on", "property 'sve' not found")]
    [InlineData("max,sve100=on", "property 'sve100' not found")]
    [InlineData("max,sve0128=on", "property 'sve0128' not found")]
    [InlineData("max,sve2176=on", "property 'sve2176' not found")]
    [InlineData("max,sve-default-vector-length=64", "property 'sve-default-vector-length' not found")]
    [InlineData("max,sve512", "expected key=value format, found 'sve512'")]
    [InlineData("max,sve512=maybe", "parameter 'sve512' expects 'on' or 'off'")]
    [InlineData("host", "there is no CPU model 'host'")]
    [InlineData("", "there is no CPU model ''")]
    public void Emulated_cpus_are_refused_for_qemus_reason(string option, string reason) =>
        Assert.StartsWith(reason, FirstReason(option, QemuAccelerator.Tcg), StringComparison.Ordinal);

    [Theory]
    [InlineData("host", "1,2,4", "1,2,4")]
    [InlineData("max", "1,2,4", "1,2,4")]
    [InlineData("host,sve384=off", "1,2,4", "1,2,4")]
    [InlineData("host,sve512=on", "1,2,3,4", "1,2,3,4")]
    [InlineData("host,sve384=off", "1,2,3,4", "1,2")]
    [InlineData("host", "", "")]
    [InlineData("host,sve=off", "", "")]
    [InlineData("host,sve128=off", "", "")]
    public void Kvm_gives_the_hosts_lengths(string option, string host, string vqs) =>
        Assert.Equal(vqs, Vqs(Accepted(option, QemuAccelerator.Kvm, host)));

    [Theory]
    [InlineData("host,sve384=on", "1,2,4", "cannot enable sve384: this CPU")]
    [InlineData("host,sve1024=on", "1,2,4", "cannot enable sve1024: this CPU")]
    [InlineData("host,sve512=on,sve256=off", "1,2,4", "cannot disable sve256: KVM on this host requires")]
    [InlineData("host,sve512=on,sve384=off", "1,2,3,4", "cannot disable sve384: KVM on this host requires")]
    [InlineData("host,sve=on", "", "'sve' feature not supported by KVM on this host")]
    [InlineData("host,sve128=on", "", "cannot enable sve128: KVM on this host does not support SVE")]
    [InlineData("max,sve-max-vq=4", "1,2,4", "property 'sve-max-vq' not found")]
    [InlineData("a64fx", "1,2,4", "there is no CPU model 'a64fx' here; there are host, max")]
    public void Kvm_refuses_for_qemus_reason(string option, string host, string reason) =>
        Assert.StartsWith(reason, FirstReason(option, QemuAccelerator.Kvm, host), StringComparison.Ordinal);

    [Theory]
    [InlineData("max", 64)]
    [InlineData("max,sve-default-vector-length=512", 256)]
    [InlineData("max,sve-default-vector-length=-1", 256)]
    [InlineData("max,sve512=on,sve-default-vector-length=48", 32)]
    [InlineData("max,sve-default-vector-length=32", 32)]
    [InlineData("a64fx,sve512=off", 32)]
    public void A_program_starts_with_the_default_length_rounded_down(string option, int bytes) =>
        Assert.Equal(bytes * 8, Accepted(option, QemuAccelerator.User).DefaultVectorLengthBits);

    [Theory]
    [InlineData("24", "not a multiple of 16")]
    [InlineData("8", "not a multiple of 16")]
    [InlineData("0", "smaller than 16")]
    [InlineData("-16", "smaller than 16")]
    [InlineData("8208", "larger than 8192")]
    public void A_default_length_must_be_possible(string value, string reason) =>
        Assert.EndsWith(reason, FirstReason($"max,sve-default-vector-length={value}", QemuAccelerator.User), StringComparison.Ordinal);

    [Fact]
    public void Every_reason_is_named()
    {
        var syntax = QemuCpuParser.Parse("max,bogus=on,sve512=maybe,sve-max-vq=99,lonely", QemuAccelerator.Tcg);
        Assert.Equal(
            [QemuCpuProblems.PropertyNotFound, QemuCpuProblems.InvalidValue, QemuCpuProblems.InvalidValue, QemuCpuProblems.MalformedProperty],
            syntax.Reasons.Select(r => r.Code));

        var rules = QemuCpuParser.Parse("max,sve2048=on,sve512=off,sve256=off,sve=off", QemuAccelerator.Tcg);
        Assert.Null(rules.Cpu);
        Assert.Equal(
            ["cannot disable sve512", "cannot disable sve256", "cannot enable sve2048"],
            rules.Reasons.Select(r => r.Message.Split(':')[0]));
    }

    [Fact]
    public void Properties_of_other_things_are_kept_aside()
    {
        var cpu = Accepted("max,pauth-impdef=on,sve256=on,lpa2=off", QemuAccelerator.Tcg);

        Assert.Equal("1,2", Vqs(cpu));
        Assert.Equal(["pauth-impdef=on", "lpa2=off"], cpu.OtherProperties);
    }

    /// <summary>Whatever comes in, an answer comes out: lengths that are legal on their own, or reasons.</summary>
    [Fact]
    public void Any_text_gets_an_answer()
    {
        string[] pieces = ["max", "a64fx", "host", ",", "=", "sve", "128", "256", "384", "512", "2048", "on", "off", "-max-vq", "4", "-1", "\0", "é", " ", "-cpu"];
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        for (var i = 0; i < 20_000; i++)
        {
            var text = new StringBuilder();
            for (var n = random.Next(14); n > 0; n--)
                text.Append(pieces[random.Next(pieces.Length)]);
            var reading = QemuCpuParser.Parse(text.ToString(), (QemuAccelerator)random.Next(3), [128, 256, 512]);
            Assert.True(reading.Cpu is null != reading.Reasons.IsEmpty, $"seed {seed}: '{text}'");
        }
    }

    private static QemuCpu Accepted(string option, QemuAccelerator accelerator, string host = "")
    {
        var reading = QemuCpuParser.Parse(option, accelerator, Bits(host));
        Assert.Empty(reading.Reasons);
        return reading.Cpu!;
    }

    private static string FirstReason(string option, QemuAccelerator accelerator, string host = "")
    {
        var reading = QemuCpuParser.Parse(option, accelerator, Bits(host));
        Assert.Null(reading.Cpu);
        return reading.Reasons[0].Message;
    }

    private static IEnumerable<int> Bits(string vqs) => vqs.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(vq => int.Parse(vq) * 128);

    private static string Vqs(QemuCpu cpu) => string.Join(',', cpu.VectorLengthsBits.Select(bits => bits / 128));
}
