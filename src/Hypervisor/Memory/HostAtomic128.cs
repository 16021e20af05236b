using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CloudVm.Hypervisor.Memory;

/// <summary>
/// 16-byte compare-and-swap, which .NET does not offer: a few host instructions in memory that is never writable and executable at
/// once. There for x86-64 and Arm64 Unix hosts.
/// </summary>
/// <remarks>Invariant: the pointer is aligned to 16 bytes. Thread: any; the code page lives as long as the process.</remarks>
internal static unsafe partial class HostAtomic128
{
    private const int ProtReadExecute = 5;
    private static readonly delegate* unmanaged[SuppressGCTransition]<ulong*, ulong*, ulong, ulong, int> Swap = Emit();

    // push rbx; mov r8, rdi; mov rbx, rdx; mov rax, [rsi]; mov rdx, [rsi+8]; lock cmpxchg16b [r8]; sete r9b;
    // mov [rsi], rax; mov [rsi+8], rdx; movzx eax, r9b; pop rbx; ret
    private static ReadOnlySpan<byte> X64Code =>
    [
        0x53, 0x49, 0x89, 0xf8, 0x48, 0x89, 0xd3, 0x48, 0x8b, 0x06, 0x48, 0x8b, 0x56, 0x08, 0xf0, 0x49, 0x0f, 0xc7, 0x08, 0x41, 0x0f,
        0x94, 0xc1, 0x48, 0x89, 0x06, 0x48, 0x89, 0x56, 0x08, 0x41, 0x0f, 0xb6, 0xc1, 0x5b, 0xc3,
    ];

    // ldp x4, x5, [x1]; 1: ldaxp x6, x7, [x0]; cmp x6, x4; ccmp x7, x5, #0, eq; b.ne 2f; stlxp w8, x2, x3, [x0]; cbnz w8, 1b;
    // mov w0, #1; ret; 2: stp x6, x7, [x1]; mov w0, #0; ret
    private static ReadOnlySpan<uint> Arm64Code =>
    [
        0xa9401424, 0xc87f9c06, 0xeb0400df, 0xfa4500e0, 0x540000a1, 0xc8288c02, 0x35ffff68, 0x52800020, 0xd65f03c0, 0xa9001c26,
        0x52800000, 0xd65f03c0,
    ];

    public static bool IsSupported => !OperatingSystem.IsWindows() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    /// <summary>Atomically replaces the value if it equals the expected one; either way the expected one becomes what was there.</summary>
    public static bool CompareExchange(byte* pointer, ref ulong expectedLow, ref ulong expectedHigh, ulong low, ulong high)
    {
        var expected = stackalloc ulong[2] { expectedLow, expectedHigh };
        var swapped = Swap((ulong*)pointer, expected, low, high) != 0;
        expectedLow = expected[0];
        expectedHigh = expected[1];
        return swapped;
    }

    /// <summary>Reads 16 bytes at once. Aligned vector loads are atomic on every x86 CPU with AVX.</summary>
    public static void Read(byte* pointer, out ulong low, out ulong high)
    {
        if (Avx.IsSupported)
        {
            var value = Vector128.LoadAligned((ulong*)pointer);
            low = value.GetElement(0);
            high = value.GetElement(1);
            return;
        }

        low = 0;
        high = 0;
        CompareExchange(pointer, ref low, ref high, 0, 0);
    }

    private static delegate* unmanaged[SuppressGCTransition]<ulong*, ulong*, ulong, ulong, int> Emit()
    {
        if (!IsSupported)
            throw new PlatformNotSupportedException($"No 16-byte compare-and-swap for {RuntimeInformation.ProcessArchitecture} on this operating system.");
        var code = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? X64Code : MemoryMarshal.AsBytes(Arm64Code);
        const int PageSize = 64 * 1024;
        var page = HostPages.Reserve(PageSize);
        code.CopyTo(new Span<byte>(page, PageSize));
        if (Protect((nint)page, PageSize, ProtReadExecute) != 0)
            throw new PlatformNotSupportedException($"The host forbids executable memory: {Marshal.GetLastPInvokeErrorMessage()}");
        if (RuntimeInformation.ProcessArchitecture == Architecture.Arm64)
            Interlocked.MemoryBarrierProcessWide();
        return (delegate* unmanaged[SuppressGCTransition]<ulong*, ulong*, ulong, ulong, int>)page;
    }

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);
}
