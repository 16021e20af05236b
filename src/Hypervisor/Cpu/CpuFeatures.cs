using CloudVm.Hypervisor.Isa;

namespace CloudVm.Hypervisor.Cpu;

/// <summary>The set of architecture features that a CPU implements. Immutable.</summary>
public sealed class CpuFeatures
{
    private readonly ulong _bits;

    private CpuFeatures(ulong bits) => _bits = bits | Bit(Feature.BASE);

    /// <summary>Every feature that the engine has a table for; encodings without a row stay UNDEFINED whatever this says.</summary>
    public static CpuFeatures All { get; } = Of(Enum.GetValues<Feature>());

    /// <summary>A CPU with the given features; <see cref="Feature.BASE"/> is always there.</summary>
    public static CpuFeatures Of(params ReadOnlySpan<Feature> features)
    {
        ulong bits = 0;
        foreach (var feature in features)
            bits |= Bit(feature);
        return new CpuFeatures(bits);
    }

    public bool Has(Feature feature) => (_bits & Bit(feature)) != 0;

    public CpuFeatures With(params ReadOnlySpan<Feature> features) => new(_bits | Of(features)._bits);

    public CpuFeatures Without(params ReadOnlySpan<Feature> features) => new(_bits & ~(Of(features)._bits & ~Bit(Feature.BASE)));

    private static ulong Bit(Feature feature) => 1UL << (int)feature;
}
