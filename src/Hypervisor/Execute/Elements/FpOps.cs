using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>A floating-point operation on one element; the shape it is plugged into walks registers, lanes and predicates.</summary>
internal interface IFpUnary
{
    static abstract ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element that it is not unsure of.</summary>
    static virtual FpVectorForm Form => FpVectorForm.None;

    static virtual TVector Vector<TVector, T>(TVector op, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => throw new System.Diagnostics.UnreachableException();
}

/// <summary>A floating-point operation on two elements.</summary>
internal interface IFpBinary
{
    static abstract ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element that it is not unsure of.</summary>
    static virtual FpVectorForm Form => FpVectorForm.None;

    static virtual TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => throw new System.Diagnostics.UnreachableException();
}

/// <summary>A floating-point operation on an addend and two factors.</summary>
internal interface IFpTernary
{
    static abstract ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element that it is not unsure of.</summary>
    static virtual FpVectorForm Form => FpVectorForm.None;

    static virtual TVector Vector<TVector, T>(TVector addend, TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => throw new System.Diagnostics.UnreachableException();
}

/// <summary>A floating-point comparison of two elements.</summary>
internal interface IFpCompare
{
    static abstract bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element that it is not unsure of.</summary>
    static virtual FpVectorForm Form => FpVectorForm.None;

    static virtual TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => throw new System.Diagnostics.UnreachableException();
}
