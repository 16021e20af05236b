using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace CloudVm.Architecture.Tests;

/// <summary>One use of a type of an assembly by another type of the same assembly; both are full names of outermost types.</summary>
internal readonly record struct TypeUse(string User, string Used);

/// <summary>
/// Reads from an assembly's metadata and IL which of its own types each of its types uses: base types, members,
/// signatures, locals and method bodies. Only inlined constants leave no trace.
/// </summary>
internal sealed class AssemblyTypeUses
{
    private static readonly Dictionary<ushort, OperandType> Operands = typeof(OpCodes).GetFields()
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => (ushort)code.Value, code => code.OperandType);

    private readonly PEReader _image;
    private readonly MetadataReader _metadata;
    private readonly HashSet<TypeUse> _uses = [];

    private AssemblyTypeUses(PEReader image)
    {
        _image = image;
        _metadata = image.GetMetadataReader();
    }

    public static IReadOnlySet<TypeUse> Read(string path)
    {
        using var image = new PEReader(File.OpenRead(path));
        var reader = new AssemblyTypeUses(image);
        foreach (var type in reader._metadata.TypeDefinitions)
            reader.ReadType(type);
        return reader._uses;
    }

    private void ReadType(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        var found = new TypeCollector(_metadata);
        found.Add(type.BaseType);
        foreach (var implementation in type.GetInterfaceImplementations())
            found.Add(_metadata.GetInterfaceImplementation(implementation).Interface);
        foreach (var field in type.GetFields())
            _metadata.GetFieldDefinition(field).DecodeSignature(found, null);
        foreach (var method in type.GetMethods())
            ReadMethod(_metadata.GetMethodDefinition(method), found);

        var user = OutermostName(handle);
        foreach (var used in found.Types)
            _uses.Add(new TypeUse(user, OutermostName(used)));
    }

    private void ReadMethod(MethodDefinition method, TypeCollector found)
    {
        method.DecodeSignature(found, null);
        if (method.RelativeVirtualAddress == 0)
            return;
        var body = _image.GetMethodBody(method.RelativeVirtualAddress);
        if (!body.LocalSignature.IsNil)
            _metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(found, null);
        foreach (var region in body.ExceptionRegions)
            found.Add(region.CatchType);
        var il = body.GetILReader();
        while (il.RemainingBytes > 0)
            ReadInstruction(ref il, found);
    }

    private static void ReadInstruction(ref BlobReader il, TypeCollector found)
    {
        ushort code = il.ReadByte();
        if (code == 0xfe)
            code = (ushort)((code << 8) | il.ReadByte());
        switch (Operands[code])
        {
            case OperandType.InlineNone:
                break;
            case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                il.ReadByte();
                break;
            case OperandType.InlineVar:
                il.ReadInt16();
                break;
            case OperandType.InlineI8 or OperandType.InlineR:
                il.ReadInt64();
                break;
            case OperandType.InlineSwitch:
                var targets = il.ReadInt32();
                il.Offset += 4 * targets;
                break;
            case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType or OperandType.InlineSig:
                found.Add(MetadataTokens.EntityHandle(il.ReadInt32()));
                break;
            default:
                il.ReadInt32();
                break;
        }
    }

    private string OutermostName(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        while (type.IsNested)
            type = _metadata.GetTypeDefinition(type.GetDeclaringType());
        return $"{_metadata.GetString(type.Namespace)}.{_metadata.GetString(type.Name)}";
    }
}
