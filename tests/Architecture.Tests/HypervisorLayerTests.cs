namespace CloudVm.Architecture.Tests;

/// <summary>Who may know whom inside the Hypervisor: each folder is a namespace and a layer.</summary>
public sealed class HypervisorLayerTests(ITestOutputHelper output)
{
    private const string Root = "CloudVm.Hypervisor";

    /// <summary>The bus that devices hang on, which lies in their folder but below them: KVM's in-kernel devices use it as well.</summary>
    private const string Bus = "Devices (bus)";

    private static readonly string[] BusTypes = [$"{Root}.Devices.MmioBus", $"{Root}.Devices.IMmioDevice"];

    /// <summary>The seam between block devices and disks, which lies in the devices' folder but below both.</summary>
    private const string BlockSeam = "Devices (block backend)";

    private const string BlockBackend = $"{Root}.Devices.Virtio.Block.IBlockBackend";

    /// <summary>What each layer may know directly. What those may know, it may know too.</summary>
    private static readonly Dictionary<string, string[]> MayKnow = new(StringComparer.Ordinal)
    {
        ["Isa"] = [],
        ["Fp"] = [],
        ["Memory"] = [],
        ["Snapshots"] = [],
        ["Cpu"] = ["Isa"],
        ["Mmu"] = ["Cpu", "Memory"],
        ["Execute"] = ["Cpu", "Isa", "Fp", "Mmu"],
        ["Jit"] = ["Execute", "Cpu", "Isa", "Mmu"],
        ["Host"] = ["Cpu"],
        [Bus] = [],
        ["Gic"] = ["Cpu", "Memory", Bus, "Snapshots"],
        ["Timers"] = ["Cpu", "Memory", "Snapshots"],
        ["Kvm"] = ["Host", "Execute", "Jit", "Gic", "Timers", Bus, "Snapshots"],
        [BlockSeam] = [],
        ["Disks"] = [BlockSeam],
        ["Devices"] = ["Memory", Bus, BlockSeam, "Snapshots"],
        ["Debugging"] = ["Kvm"],
        ["Machine"] = ["Kvm", "Devices", "Disks", "Debugging"],
        ["Control"] = ["Machine", "Kvm", "Debugging"],
    };

    [Fact]
    public void Layers_know_only_what_lies_below_them()
    {
        var uses = AssemblyTypeUses.Read(Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor.dll"));
        var closure = MayKnow.Keys.ToDictionary(layer => layer, Reachable, StringComparer.Ordinal);
        var violations = new SortedSet<string>(StringComparer.Ordinal);

        foreach (var use in uses)
        {
            if (LayerOf(use.User) is not { } user || LayerOf(use.Used) is not { } used || user == used)
                continue;
            if (!closure.TryGetValue(user, out var known))
                violations.Add($"{user} is no known layer ({use.User})");
            else if (!known.Contains(used))
                violations.Add($"{user} must not know {used}: {use.User} uses {use.Used}");
        }

        output.WriteLine($"{uses.Count} uses of types by types read.");
        Assert.NotEmpty(uses);
        Findings.AssertNone(violations);
    }

    /// <summary>The reader behind the test above must see uses in members, locals and bodies, or that test proves nothing.</summary>
    [Fact]
    public void Uses_are_read_from_members_and_bodies()
    {
        var uses = AssemblyTypeUses.Read(typeof(HypervisorLayerTests).Assembly.Location);

        Assert.Contains(new TypeUse(typeof(AssemblyTypeUses).FullName!, typeof(TypeCollector).FullName!), uses);
        Assert.Contains(new TypeUse(typeof(HypervisorLayerTests).FullName!, typeof(AssemblyTypeUses).FullName!), uses);
        Assert.DoesNotContain(new TypeUse(typeof(TypeCollector).FullName!, typeof(AssemblyTypeUses).FullName!), uses);
    }

    private static HashSet<string> Reachable(string layer)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var pending = new Stack<string>(MayKnow[layer]);
        while (pending.TryPop(out var next))
        {
            if (!reached.Add(next))
                continue;
            foreach (var below in MayKnow[next])
                pending.Push(below);
        }

        return reached;
    }

    /// <summary>The first namespace part below the root; null for the root itself (the program's entry) and other namespaces.</summary>
    private static string? LayerOf(string typeName)
    {
        if (BusTypes.Contains(typeName, StringComparer.Ordinal))
            return Bus;
        if (typeName == BlockBackend)
            return BlockSeam;
        if (!typeName.StartsWith(Root + ".", StringComparison.Ordinal))
            return null;
        var rest = typeName[(Root.Length + 1)..];
        var dot = rest.IndexOf('.', StringComparison.Ordinal);
        return dot < 0 ? null : rest[..dot];
    }
}
