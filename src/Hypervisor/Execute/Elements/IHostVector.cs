namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// A vector of the host's, of elements T. Operations that also have a vector form are written once against this and run at the width that
/// suits the host and the guest's vector length. Comparisons give all ones or zero in each element.
/// </summary>
/// <typeparam name="TSelf">The implementing type: <see cref="Host128{T}"/> and its wider relatives.</typeparam>
/// <typeparam name="T">An integer type, or float or double where a member says so.</typeparam>
internal unsafe interface IHostVector<TSelf, T>
    where TSelf : struct, IHostVector<TSelf, T>
    where T : unmanaged
{
    static abstract int Bytes { get; }

    static abstract TSelf Load(byte* at);

    static abstract void Store(TSelf value, byte* at);

    static abstract TSelf Create(T value);

    /// <summary>Every element the low bits of a number.</summary>
    static abstract TSelf CreateBits(ulong bits);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    static abstract TSelf operator /(TSelf a, TSelf b);

    static abstract TSelf operator &(TSelf a, TSelf b);

    static abstract TSelf operator |(TSelf a, TSelf b);

    static abstract TSelf operator ^(TSelf a, TSelf b);

    static abstract TSelf operator ~(TSelf a);

    static abstract TSelf operator <<(TSelf a, int count);

    /// <summary>Arithmetic for signed elements, logical for unsigned ones; the count is below the width.</summary>
    static abstract TSelf operator >>(TSelf a, int count);

    static abstract TSelf Equal(TSelf a, TSelf b);

    static abstract TSelf Greater(TSelf a, TSelf b);

    static abstract TSelf GreaterOrEqual(TSelf a, TSelf b);

    static abstract TSelf Max(TSelf a, TSelf b);

    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>Bits of <paramref name="a"/> where the mask is set, else of <paramref name="b"/>.</summary>
    static abstract TSelf Select(TSelf mask, TSelf a, TSelf b);

    /// <summary>a × b + addend, rounded once. Float and double only.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf addend);

    /// <summary>Float and double only.</summary>
    static abstract TSelf SquareRoot(TSelf a);

    /// <summary>The elements of each pair exchanged. Elements of 32 or 64 bits only.</summary>
    static abstract TSelf SwapPairs(TSelf a);

    /// <summary>The lower element of each pair twice. Elements of 32 or 64 bits only.</summary>
    static abstract TSelf RepeatEven(TSelf a);

    /// <summary>The upper element of each pair twice. Elements of 32 or 64 bits only.</summary>
    static abstract TSelf RepeatOdd(TSelf a);

    /// <summary>All ones in the upper element of each pair. Elements of 32 or 64 bits only.</summary>
    static abstract TSelf OddElements();

    /// <summary>In each 16 bits the lower byte, extended.</summary>
    static abstract TSelf EvenBytes(TSelf a, bool signed);

    /// <summary>In each 16 bits the upper byte, extended.</summary>
    static abstract TSelf OddBytes(TSelf a, bool signed);

    /// <summary>In each 32 bits the sum of the products of the signed 16-bit halves of a and b. 32-bit elements only.</summary>
    static abstract TSelf MultiplyAddHalves(TSelf a, TSelf b);

    /// <summary>All ones in the elements that are active in a predicate.</summary>
    /// <param name="predicate">Of the whole guest vector, one bit per byte; the bit of an element's lowest byte counts.</param>
    /// <param name="at">Where in it this vector lies, in bytes.</param>
    static abstract TSelf Mask(byte* predicate, int at);

    /// <summary>Writes a comparison's result as a predicate, which has only the bit of an element's lowest byte.</summary>
    /// <param name="governing">Elements that are not active here are written as false.</param>
    static abstract void StorePredicate(TSelf mask, byte* governing, byte* predicate, int at);

    static abstract bool IsZero(TSelf a);
}
