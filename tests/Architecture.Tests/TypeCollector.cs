using System.Collections.Immutable;
using System.Reflection.Metadata;

namespace CloudVm.Architecture.Tests;

/// <summary>
/// Collects the assembly's own types that metadata handles lead to. As a signature provider it has no use for the
/// decoded types themselves, so every one is the same empty value.
/// </summary>
internal sealed class TypeCollector(MetadataReader metadata) : ISignatureTypeProvider<TypeCollector.Seen, object?>
{
    public readonly record struct Seen;

    public HashSet<TypeDefinitionHandle> Types { get; } = [];

    public void Add(EntityHandle handle)
    {
        if (handle.IsNil)
            return;
        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                Types.Add((TypeDefinitionHandle)handle);
                break;
            case HandleKind.TypeSpecification:
                metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
                break;
            case HandleKind.MethodDefinition:
                var method = metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
                Types.Add(method.GetDeclaringType());
                method.DecodeSignature(this, null);
                break;
            case HandleKind.FieldDefinition:
                var field = metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
                Types.Add(field.GetDeclaringType());
                field.DecodeSignature(this, null);
                break;
            case HandleKind.MethodSpecification:
                var specification = metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                Add(specification.Method);
                specification.DecodeSignature(this, null);
                break;
            case HandleKind.MemberReference:
                AddMember(metadata.GetMemberReference((MemberReferenceHandle)handle));
                break;
            case HandleKind.StandaloneSignature:
                metadata.GetStandaloneSignature((StandaloneSignatureHandle)handle).DecodeMethodSignature(this, null);
                break;
        }
    }

    private void AddMember(MemberReference member)
    {
        Add(member.Parent);
        if (member.GetKind() == MemberReferenceKind.Method)
            member.DecodeMethodSignature(this, null);
        else
            member.DecodeFieldSignature(this, null);
    }

    public Seen GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
    {
        Types.Add(handle);
        return default;
    }

    public Seen GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind)
    {
        Add(handle);
        return default;
    }

    public Seen GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => default;

    public Seen GetFunctionPointerType(MethodSignature<Seen> signature) => default;

    public Seen GetGenericInstantiation(Seen genericType, ImmutableArray<Seen> typeArguments) => default;

    public Seen GetGenericMethodParameter(object? genericContext, int index) => default;

    public Seen GetGenericTypeParameter(object? genericContext, int index) => default;

    public Seen GetModifiedType(Seen modifier, Seen unmodifiedType, bool isRequired) => default;

    public Seen GetArrayType(Seen elementType, ArrayShape shape) => default;

    public Seen GetByReferenceType(Seen elementType) => default;

    public Seen GetPinnedType(Seen elementType) => default;

    public Seen GetPointerType(Seen elementType) => default;

    public Seen GetPrimitiveType(PrimitiveTypeCode typeCode) => default;

    public Seen GetSZArrayType(Seen elementType) => default;
}
