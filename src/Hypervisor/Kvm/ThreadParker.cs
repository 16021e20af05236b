using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Where a vCPU's thread waits. A wait may be as short as a guest's timer asks for, so it uses the host's futex with nanoseconds where
/// there is one; elsewhere a monitor, whose grain is a millisecond.
/// </summary>
/// <remarks>
/// Thread: one waits, any wake. The waiter reads <see cref="Sequence"/> first, then its conditions, then waits: a wake in between makes
/// the wait return at once. Invariant: the word is in a pinned array, so its address lasts as long as this object, however late a wake comes.
/// </remarks>
internal sealed unsafe partial class ThreadParker
{
    private const int FutexWaitPrivate = 128;
    private const int FutexWakePrivate = 129;
    private const int SetTimerSlack = 29;

    private static readonly bool HasFutex = OperatingSystem.IsLinux()
        && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    private static readonly long FutexCall = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 202 : 98;

    [ThreadStatic]
    private static bool _slackIsSet;

    private readonly object _monitor = new();
    private readonly int[] _storage = GC.AllocateArray<int>(1, pinned: true);
    private int _waiting;

    /// <summary>Changes with every wake.</summary>
    public int Sequence => Volatile.Read(ref _storage[0]);

    private int* Word => (int*)Unsafe.AsPointer(ref _storage[0]);

    /// <summary>Waits while <see cref="Sequence"/> is still <paramref name="sequence"/>; may also return early without a reason.</summary>
    /// <param name="sequence">As read before the conditions were looked at.</param>
    /// <param name="nanoseconds">Longest wait; negative: without limit.</param>
    public void Wait(int sequence, long nanoseconds)
    {
        Interlocked.Exchange(ref _waiting, 1);
        if (HasFutex)
        {
            TightenTimer();
            var timeout = new TimeSpec { Seconds = (nint)(nanoseconds / 1_000_000_000), Nanoseconds = (nint)(nanoseconds % 1_000_000_000) };
            _ = Futex(FutexCall, Word, FutexWaitPrivate, sequence, nanoseconds < 0 ? null : &timeout);
        }
        else
        {
            lock (_monitor)
            {
                if (Sequence == sequence)
                    Monitor.Wait(_monitor, nanoseconds < 0 ? Timeout.Infinite : (int)Math.Min((nanoseconds + 999_999) / 1_000_000, int.MaxValue));
            }
        }

        Volatile.Write(ref _waiting, 0);
    }

    /// <summary>Ends a wait, or keeps one that is about to begin from waiting.</summary>
    public void Wake()
    {
        Interlocked.Increment(ref _storage[0]);
        if (Volatile.Read(ref _waiting) == 0)
            return;
        if (HasFutex)
        {
            _ = Futex(FutexCall, Word, FutexWakePrivate, 1, null);
        }
        else
        {
            lock (_monitor)
                Monitor.PulseAll(_monitor);
        }
    }

    /// <summary>Linux rounds sleeps up by 50 microseconds unless a thread asks for less.</summary>
    private static void TightenTimer()
    {
        if (_slackIsSet)
            return;
        _slackIsSet = true;
        _ = ProcessControl(SetTimerSlack, 1_000, 0, 0, 0);
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint Futex(long number, int* word, long operation, long value, TimeSpec* timeout);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ProcessControl(int option, nuint value, nuint unused3, nuint unused4, nuint unused5);

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
