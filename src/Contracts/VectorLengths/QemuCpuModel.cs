using System.Collections.Frozen;

namespace CloudVm.Contracts.VectorLengths;

/// <summary>A CPU model of QEMU's, as far as vector lengths go.</summary>
/// <param name="Supported">Vector lengths that the model can have; bit (VQ - 1) stands for 128 * VQ bits.</param>
/// <param name="HasSveProperties">The model has <c>sve</c>, <c>sve128</c> and so on.</param>
/// <param name="HasMaximumProperty">The model has <c>sve-max-vq</c>.</param>
internal readonly record struct QemuCpuModel(uint Supported, bool HasSveProperties, bool HasMaximumProperty)
{
    /// <summary>Every VQ of the architecture.</summary>
    public const uint AllLengths = 0xffff;

    /// <summary>Takes the lengths of the host; known under KVM alone.</summary>
    public const string Host = "host";

    /// <summary>Under TCG everything that QEMU can do, under KVM the same as <see cref="Host"/>.</summary>
    public const string Max = "max";

    /// <summary>The 64-bit models of QEMU 10.2 by name.</summary>
    private static readonly FrozenDictionary<string, QemuCpuModel> Emulated = new Dictionary<string, QemuCpuModel>(StringComparer.Ordinal)
    {
        ["cortex-a35"] = default,
        ["cortex-a53"] = default,
        ["cortex-a55"] = default,
        ["cortex-a57"] = default,
        ["cortex-a72"] = default,
        ["cortex-a76"] = default,
        ["cortex-a78ae"] = default,
        ["neoverse-n1"] = default,
        ["cortex-a710"] = WithSve(0b1),
        ["neoverse-n2"] = WithSve(0b1),
        ["neoverse-v1"] = WithSve(0b11),
        ["a64fx"] = WithSve(0b1011),
        [Max] = WithSve(AllLengths) with { HasMaximumProperty = true },
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Properties of QEMU's Arm CPUs that have nothing to do with SVE's vector lengths.</summary>
    private static readonly FrozenSet<string> Others = FrozenSet.Create(
        StringComparer.Ordinal,
        "aarch64", "backcompat-cntfrq", "cfgend", "cntfrq", "has_el2", "has_el3", "kvm-no-adjvtime", "kvm-steal-time", "lpa2", "memory",
        "min-level", "mp-affinity", "neon", "pauth", "pauth-impdef", "pauth-qarma3", "pauth-qarma5", "pmu", "psci-conduit",
        "psci-version", "reset-cbar", "reset-hivecs", "rvbar", "secure-memory", "sme", "sme128", "sme256", "sme512", "sme1024", "sme2048",
        "sme_fa64", "sme-default-vector-length", "start-powered-off", "vfp", "vfp-d32", "x-rme");

    /// <summary>Names of the models that an accelerator has.</summary>
    public static IEnumerable<string> NamesOf(QemuAccelerator accelerator) =>
        accelerator == QemuAccelerator.Kvm ? [Host, Max] : Emulated.Keys.Order(StringComparer.Ordinal);

    /// <param name="name">The model's name.</param>
    /// <param name="accelerator">What runs it.</param>
    /// <param name="hostLengths">What KVM reports, as a mask of VQs; ignored elsewhere.</param>
    /// <returns>Null where the accelerator has no such model.</returns>
    public static QemuCpuModel? Find(string name, QemuAccelerator accelerator, uint hostLengths)
    {
        if (accelerator == QemuAccelerator.Kvm)
            return name is Host or Max ? WithSve(hostLengths) : null;
        return Emulated.TryGetValue(name, out var model) ? model : null;
    }

    public static bool IsOtherProperty(string name) => Others.Contains(name);

    private static QemuCpuModel WithSve(uint supported) => new(supported, HasSveProperties: true, HasMaximumProperty: false);
}
