namespace CloudVm.Hypervisor.Isa;

/// <summary>One encoding as its <c>.decode</c> row describes it.</summary>
/// <param name="Name">Arm's name of the encoding.</param>
/// <param name="Feature">The feature without which the encoding is UNDEFINED.</param>
/// <param name="Mask">Bits of the instruction word that the encoding fixes.</param>
/// <param name="Value">Values of those bits.</param>
/// <param name="Group">The table's file name without extension.</param>
/// <param name="FieldList">Operand fields, <c>name=shift:width[+shift:width…]</c> separated by spaces; a leading <c>-</c> marks a signed one.</param>
/// <param name="Constraints">Further conditions on fields, such as <c>imm4!=0</c>, separated by spaces.</param>
public sealed record OpcodeInfo(string Name, Feature Feature, uint Mask, uint Value, string Group, string FieldList, string Constraints);
