using System.Collections.Immutable;
using System.Globalization;
using CloudVm.Contracts.Problems;

namespace CloudVm.Contracts.VectorLengths;

/// <summary>
/// Reads the value of QEMU's <c>-cpu</c> option as QEMU does, as far as SVE's vector lengths go: <c>max,sve512=on</c>. Reads every
/// property before it judges, as QEMU does, so that order matters between writes of one property alone.
/// </summary>
public sealed class QemuCpuParser
{
    /// <summary>Longest option in characters.</summary>
    public const int MaxLength = 1024;

    private const string Option = "-cpu";
    private const string DefaultLength = "sve-default-vector-length";
    private const string MaximumVq = "sve-max-vq";

    /// <summary>In bytes; 512 is the largest VQ that Linux's interface provides for.</summary>
    private const int MaxDefaultLengthBytes = 512 * 16;

    private const int StandardDefaultLengthBytes = 64;

    private readonly QemuAccelerator _accelerator;
    private readonly ImmutableArray<ProblemReason>.Builder _reasons = ImmutableArray.CreateBuilder<ProblemReason>();
    private readonly List<string> _others = [];
    private readonly uint _hostLengths;
    private QemuCpuModel _model;
    private QemuSveProperties _sve;
    private int _defaultLengthBytes = StandardDefaultLengthBytes;

    private QemuCpuParser(QemuAccelerator accelerator, uint hostLengths)
    {
        _accelerator = accelerator;
        _hostLengths = hostLengths;
    }

    /// <param name="option">The option's value; a leading <c>-cpu</c> is skipped.</param>
    /// <param name="accelerator">Whose rules count.</param>
    /// <param name="hostLengthsBits">Under KVM: what the host's KVM reports, in bits; elsewhere ignored.</param>
    public static QemuCpuReading Parse(string option, QemuAccelerator accelerator, IEnumerable<int>? hostLengthsBits = null)
    {
        var hostLengths = (hostLengthsBits ?? []).Where(VectorLengthRules.IsArchitectural)
            .Aggregate(0u, (mask, bits) => mask | (1u << ((bits / VectorLengthRules.BitsPerVq) - 1)));
        var parser = new QemuCpuParser(accelerator, hostLengths);
        var cpu = parser.Read(option);
        return parser._reasons.Count > 0 ? new(null, parser._reasons.ToImmutable()) : new(cpu, []);
    }

    private QemuCpu? Read(string option)
    {
        if (option.Length > MaxLength)
        {
            Refuse(QemuCpuProblems.InvalidValue, $"the option has {option.Length} characters; at most {MaxLength} are read");
            return null;
        }

        var text = option.Trim();
        if (text.StartsWith(Option, StringComparison.Ordinal))
            text = text[Option.Length..].TrimStart(' ', '\t', '=');
        var parts = text.Split(',', StringSplitOptions.RemoveEmptyEntries);
        var name = parts.FirstOrDefault() ?? string.Empty;
        if (QemuCpuModel.Find(name, _accelerator, _hostLengths) is not { } model)
        {
            Refuse(
                QemuCpuProblems.UnknownModel,
                $"there is no CPU model '{name}' here; there are {string.Join(", ", QemuCpuModel.NamesOf(_accelerator))}");
            return null;
        }

        _model = model;
        _sve.Sve = model.Supported != 0;
        foreach (var part in parts.Skip(1))
            ReadProperty(part);
        if (_reasons.Count > 0)
            return null;
        var mask = _sve.Resolve(model.Supported, _accelerator == QemuAccelerator.Kvm, Refuse);
        var lengths = Enumerable.Range(1, 16).Where(vq => (mask & (1u << (vq - 1))) != 0).Select(vq => vq * VectorLengthRules.BitsPerVq);
        ImmutableArray<int> set = [.. lengths];
        return new QemuCpu(name, set, DefaultOf(set), [.. _others]);
    }

    private void ReadProperty(string part)
    {
        var at = part.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0)
        {
            Refuse(QemuCpuProblems.MalformedProperty, $"expected key=value format, found '{part}'");
            return;
        }

        var (key, value) = (part[..at], part[(at + 1)..]);
        if (key == "sve" && _model.HasSveProperties)
            ReadSve(value);
        else if (key == MaximumVq && _model.HasMaximumProperty)
            ReadMaximum(value);
        else if (key == DefaultLength && _model.HasSveProperties && _accelerator == QemuAccelerator.User)
            ReadDefaultLength(value);
        else if (LengthOf(key) is { } vq && _model.HasSveProperties)
            ReadSwitch(key, value, on => _sve.Set(vq, on));
        else if (QemuCpuModel.IsOtherProperty(key))
            _others.Add(part);
        else
            Refuse(QemuCpuProblems.PropertyNotFound, $"property '{key}' not found");
    }

    private void ReadSve(string value) => ReadSwitch("sve", value, on =>
    {
        if (on && _model.Supported == 0)
            Refuse(QemuCpuProblems.SveUnavailable, "'sve' feature not supported by KVM on this host");
        else
            _sve.Sve = on;
    });

    private void ReadMaximum(string value)
    {
        if (ReadNumber(MaximumVq, value) is not { } number)
            return;
        if (number is < 1 or > VectorLengthRules.MaxBits / VectorLengthRules.BitsPerVq)
            Refuse(QemuCpuProblems.InvalidValue, $"unsupported SVE vector length: {MaximumVq}={value}, valid are 1-16");
        else
            _sve.MaximumVq = (int)number;
    }

    /// <summary>The remainder is looked at first, so 8 is no multiple of 16 rather than too small.</summary>
    private void ReadDefaultLength(string value)
    {
        if (ReadNumber(DefaultLength, value) is not { } number)
            return;
        var fault = number switch
        {
            -1 => null,
            _ when number % 16 != 0 => "not a multiple of 16",
            < 16 => "smaller than 16",
            > MaxDefaultLengthBytes => $"larger than {MaxDefaultLengthBytes}",
            _ => null,
        };
        if (fault is null)
            _defaultLengthBytes = number == -1 ? MaxDefaultLengthBytes : (int)number;
        else
            Refuse(QemuCpuProblems.InvalidValue, $"cannot set {DefaultLength}={value}: vector length {fault}");
    }

    private void ReadSwitch(string key, string value, Action<bool> set)
    {
        switch (value)
        {
            case "on" or "yes" or "true" or "y":
                set(true);
                break;
            case "off" or "no" or "false" or "n":
                set(false);
                break;
            default:
                Refuse(QemuCpuProblems.InvalidValue, $"parameter '{key}' expects 'on' or 'off', not '{value}'");
                break;
        }
    }

    /// <summary>A decimal or 0x-prefixed hexadecimal number.</summary>
    private long? ReadNumber(string key, string value)
    {
        var isHex = value.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (long.TryParse(
            isHex ? value.AsSpan(2) : value,
            isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture,
            out var number))
            return number;
        Refuse(QemuCpuProblems.InvalidValue, $"parameter '{key}' expects a number, not '{value}'");
        return null;
    }

    /// <summary>The VQ of a property sve128 to sve2048 by 128; null for other names.</summary>
    private static int? LengthOf(string key) =>
        key.StartsWith("sve", StringComparison.Ordinal) && key.Length > 3 && key[3] != '0'
        && int.TryParse(key.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out var bits) && VectorLengthRules.IsArchitectural(bits)
            ? bits / VectorLengthRules.BitsPerVq
            : null;

    private int? DefaultOf(ImmutableArray<int> lengths)
    {
        if (_accelerator != QemuAccelerator.User || lengths.IsEmpty)
            return null;
        var wanted = _defaultLengthBytes * 8;
        return lengths.Where(bits => bits <= wanted).DefaultIfEmpty(lengths[0]).Max();
    }

    private void Refuse(string code, string message) => _reasons.Add(new ProblemReason(string.Empty, code, message));
}
